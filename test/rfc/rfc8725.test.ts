import t, { type Test } from 'tap'
import { createSign, KeyObject, randomBytes } from 'node:crypto'
import { CompactEncrypt, CompactSign, FlattenedSign } from 'jose'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import { AUDIENCE, createAuthority, createPair, forge, get, guarded, isRefused, leaks, part } from '../helpers/oauth.js'

const header = { alg: 'ES256', typ: 'at+jwt', kid: 'key-1' }

async function start (t: Test) {
  const authority = await createAuthority(t)
  const { app, log } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE }], transport: allowPlainHttp })])
  t.equal((await get(app, await authority.issue())).statusCode, 200)
  const refuses = async (what: string, token: string) => {
    const response = await get(app, token)
    isRefused(t, response, 'CREDENTIAL_INVALID', what)
    leaks(t, token, [response.body, log.text])
  }
  return { authority, app, refuses, sign: (bytes: Uint8Array, over = {}) => new CompactSign(bytes).setProtectedHeader({ ...header, ...over }).sign(authority.pair.privateKey) }
}

t.test('§3.1 and §2.1 each signing key is for one algorithm, and the caller can\'t choose another', async (t) => {
  const { authority, refuses } = await start(t)
  const [, body = '', signature = ''] = (await authority.issue()).split('.')
  for (const alg of ['none', 'NONE', 'nOnE', '', 'HS256', 'HS384', 'HS512', 'RS256', 'PS256', 'ES384', 'ES256K', 'EdDSA', 'Ed25519', 'RSA1_5', 'dir', 'es256', '__proto__', 'constructor']) {
    await refuses(`alg ${alg}`, `${part({ ...header, alg })}.${body}.${signature}`)
    await refuses(`alg ${alg} without signature`, `${part({ ...header, alg })}.${body}.`)
  }
  const other = await createPair('ES384', 'key-1')
  await refuses('another curve under the same kid', await forge(other.privateKey, { ...header, alg: 'ES384' }, authority.claimsOf()))
})

t.test('§3.2 and §3.4 a signature of zeros, of another form or of another length is refused', async (t) => {
  const { authority, refuses } = await start(t)
  const [head = '', body = '', signature = ''] = (await authority.issue()).split('.')
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  const good = Buffer.from(signature, 'base64url')
  const der = createSign('sha256').update(`${head}.${body}`).sign(KeyObject.from(authority.pair.privateKey))
  const forms = {
    zeros: Buffer.alloc(64),
    'r of zeros': Buffer.concat([Buffer.alloc(32), good.subarray(32)]),
    's of zeros': Buffer.concat([good.subarray(0, 32), Buffer.alloc(32)]),
    'the order of the curve': Buffer.concat([order, order]),
    ones: Buffer.alloc(64, 255),
    DER: der,
    'one byte less': good.subarray(0, 63),
    'one byte more': Buffer.concat([good, Buffer.alloc(1)]),
    nothing: Buffer.alloc(0)
  }
  for (const [what, bytes] of Object.entries(forms)) await refuses(what, `${head}.${body}.${bytes.toString('base64url')}`)
})

t.test('§3.3 and §3.6 an encrypted, compressed or nested token, or another serialization, is no access token', async (t) => {
  const { authority, app, refuses, sign } = await start(t)
  const claims = Buffer.from(JSON.stringify(authority.claimsOf()))
  const encrypted = await new CompactEncrypt(claims).setProtectedHeader({ alg: 'dir', enc: 'A256GCM', typ: 'at+jwt', kid: 'key-1' }).encrypt(randomBytes(32))
  await refuses('encrypted', encrypted)
  await refuses('encrypted to a public key that everybody has', await new CompactEncrypt(claims).setProtectedHeader({ alg: 'ECDH-ES', enc: 'A256GCM', typ: 'at+jwt', kid: 'key-1' }).encrypt(authority.pair.publicKey).catch(() => encrypted))
  await refuses('a token in a token', await sign(Buffer.from(await authority.issue()), { cty: 'JWT' }))
  await refuses('a payload that is not encoded', `${part({ ...header, b64: false, crit: ['b64'] })}.${part('x')}.AAAA`)
  const { protected: head = '', payload, signature } = await new FlattenedSign(claims).setProtectedHeader(header).sign(authority.pair.privateKey)
  const flattened = await get(app, JSON.stringify({ protected: head, payload, signature }))
  t.equal(flattened.statusCode, 400, 'the JSON serialization is no token68')
  await refuses('critical parameters', await authority.issue({}, { crit: [] }).catch(() => `${part({ ...header, crit: [] })}.${part('x')}.AAAA`))
})

t.test('§3.7 claims are UTF-8', async (t) => {
  const { authority, refuses, sign } = await start(t)
  const text = JSON.stringify(authority.claimsOf())
  for (const encoding of ['utf16le', 'latin1'] as const) await refuses(encoding, await sign(Buffer.from(JSON.stringify(authority.claimsOf({ sub: 'ü' })), encoding)))
  await refuses('UTF-16, big end first', await sign(Buffer.from(text, 'utf16le').swap16()))
  await refuses('a half that is cut off', await sign(Buffer.concat([Buffer.from(text.replace('user-1"', 'user-')), Buffer.from([0xc3]), Buffer.from('"}')])))
})

t.test('§3.8, §3.9 and §2.7 signing keys of one issuer, and tokens for one audience, are valid for no other', async (t) => {
  const { authority, refuses } = await start(t)
  const evil = await createAuthority(t)
  await refuses('another issuer, which nobody asked about', await evil.issue())
  await refuses('the name of ours with keys of another', await forge(evil.pair.privateKey, header, authority.claimsOf()))
  await refuses('the name of another with keys of ours', await authority.issue({ iss: evil.issuer }))
  for (const iss of [authority.issuer.toUpperCase(), ` ${authority.issuer}`, `${authority.issuer}#x`, `${authority.issuer}?`, '']) await refuses(`issuer ${JSON.stringify(iss)}`, await authority.issue({ iss }))
  for (const aud of [AUDIENCE.toUpperCase(), `${AUDIENCE}/`, `${AUDIENCE} `, '*', [], [''], authority.issuer, true]) await refuses(`audience ${JSON.stringify(aud)}`, await authority.issue({ aud }))
  t.strictSame(evil.asked, [])
})

t.test('§3.10 the key that a token names is never fetched', async (t) => {
  const { authority, refuses } = await start(t)
  const before = authority.asked.length
  for (const kid of ['../../../dev/null', "' OR 1=1 --", 'x\u0000', `${authority.issuer}/jwks`, '__proto__', '', 7, null, ['key-1'], { kid: 'key-1' }]) {
    const stranger = await createPair()
    await refuses(`kid ${JSON.stringify(kid)}`, await forge(stranger.privateKey, { ...header, kid }, authority.claimsOf()))
  }
  t.equal(authority.asked.length, before, 'nobody is asked within the cool-down')
})

t.test('§3.11, §3.12 and §2.8 a JWT of another kind is no access token, though its issuer signed it for this audience', async (t) => {
  const { authority, refuses } = await start(t)
  for (const typ of [undefined, '', 'JWT', 'jwt', 'id+jwt', 'logout+jwt', 'secevent+jwt', 'dpop+jwt', 'client-authentication+jwt', 'oauth-authz-req+jwt', 'token-introspection+jwt', 'rt+jwt', 'at+jwt ', 'application/at+jwt+x', 7, ['at+jwt']]) {
    await refuses(`typ ${JSON.stringify(typ)}`, await authority.issue({}, { typ }))
  }
})
