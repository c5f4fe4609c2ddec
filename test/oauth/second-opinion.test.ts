import t from 'tap'
import fc from 'fast-check'
import { hash } from 'node:crypto'
import { calculateJwkThumbprint, exportJWK } from 'jose'
import * as oauth4webapi from 'oauth4webapi'
import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver } from 'fastify-latchkey/oauth'
import { AUDIENCE, createAuthority, createPair, forge, guarded } from '../helpers/oauth.js'

t.setTimeout(60_000)

t.test('oauth4webapi refuses nothing that is let in here', async (t) => {
  const authority = await createAuthority(t)
  authority.clock.advance((Date.now() - authority.clock.now()) / 1000) // the other has no clock to give it
  const holder = await createPair()
  const jwk = await exportJWK(holder.publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  const stranger = await createPair('ES256', 'key-1')
  const { app } = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer: authority.issuer, audience: AUDIENCE, algorithms: ['ES256'] }], transport: allowPlainHttp, dpop: true, cache: false, cooldown: 300 })])
  const now = Math.floor(Date.now() / 1000)
  const server = { issuer: authority.issuer, jwks_uri: `${authority.issuer}/jwks` }

  async function theirs (token: string, scheme: string, proof: string | undefined): Promise<boolean> {
    const headers = new Headers({ authorization: `${scheme} ${token}` })
    if (proof !== undefined) headers.set('dpop', proof)
    const request = new Request('http://api.example.com/devices', { headers })
    return await oauth4webapi.validateJwtAccessToken(server, request, AUDIENCE, { [oauth4webapi.allowInsecureRequests]: true, signingAlgorithms: ['ES256'], [oauth4webapi.clockTolerance]: 5 })
      .then(() => true, () => false)
  }

  async function ours (token: string, scheme: string, proof: string | undefined): Promise<boolean> {
    const { statusCode } = await app.inject({ url: '/devices', headers: { host: 'api.example.com', authorization: `${scheme} ${token}`, ...proof !== undefined && { dpop: proof } } })
    if (statusCode >= 500) throw new Error(`answered ${statusCode}`)
    return statusCode === 200
  }

  /** Stricter here, and said so: `exp` has no leeway, `typ` no other case, `iat` is not to come, a cnf is a jkt. */
  const odd = fc.constantFrom<unknown>(undefined, null, 1, '', 'x', {}, [], AUDIENCE, authority.issuer, now, now + 100, now - 100)
  const cases = fc.record({
    claim: fc.option(fc.tuple(fc.constantFrom('iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp', 'nbf', 'cnf'), odd), { freq: 2 }),
    header: fc.option(fc.tuple(fc.constantFrom('typ', 'kid', 'jku', 'jwk'), odd), { freq: 1 }),
    signer: fc.constantFrom('issuer', 'issuer', 'issuer', 'stranger'),
    scheme: fc.constantFrom('Bearer', 'DPoP'),
    differs: fc.boolean(),
    proof: fc.option(fc.option(fc.tuple(fc.constantFrom('htm', 'htu', 'ath', 'iat', 'jti'), odd), { freq: 1 }))
  })
  const counts = { both: 0, neither: 0, stricter: 0 }
  const unexpected: string[] = []
  await fc.assert(fc.asyncProperty(cases, async ({ claim, header, signer, scheme, differs, proof }) => {
    const bound = differs ? scheme === 'Bearer' : scheme === 'DPoP'
    const token = await forge((signer === 'issuer' ? authority.pair : stranger).privateKey, { typ: 'at+jwt', kid: 'key-1', ...header && { [header[0]]: header[1] } },
      authority.claimsOf({ ...bound && { cnf: { jkt } }, ...claim && { [claim[0]]: claim[1] } }))
    const proofs = { htm: 'GET', htu: 'http://api.example.com/devices', iat: now, jti: crypto.randomUUID(), ath: hash('sha256', token, 'base64url') }
    const sent = proof === null || scheme === 'Bearer' ? undefined : await forge(holder.privateKey, { typ: 'dpop+jwt', jwk }, { ...proofs, ...Array.isArray(proof) && { [proof[0]]: proof[1] } })
    const [here, there] = [await ours(token, scheme, sent), await theirs(token, scheme, sent)]
    if (here && !there) unexpected.push(JSON.stringify({ claim, header, signer, scheme, bound, proof }))
    counts[here && there ? 'both' : there ? 'stricter' : 'neither']++
  }), { seed: 11, numRuns: 500 })
  t.ok(counts.both > 20, JSON.stringify(counts))
  t.ok(counts.neither > 100)
  t.strictSame([...new Set(unexpected)], [])
})
