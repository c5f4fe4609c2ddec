import { allowPlainHttp } from 'fastify-latchkey'
import { createJwtResolver, type JwtIssuer } from 'fastify-latchkey/oauth'
import t from 'tap'
import { AUDIENCE, createAuthority, forge, guarded, isRefused, type Claims } from '../helpers/oauth.js'

interface Row {
  readonly name: string
  readonly options: Omit<JwtIssuer, 'issuer' | 'audience'> & { readonly audience?: string }
  readonly typ?: string | undefined
  /** Claims of an access token, beside iss, iat and exp. */
  readonly access: Claims
  readonly client: string
  readonly owner?: string
  readonly workspace: string
  /** Claims of an ID token of the same sign-in. */
  readonly idToken: Claims
}

const lenient = 'lenient'

/** Tokens as the documents of their issuers show them. */
const rows: readonly Row[] = [
  {
    name: 'Keycloak',
    options: { profile: lenient, claims: { client: 'azp', workspace: 'tenant' } },
    typ: 'JWT',
    access: { jti: 'onrtac:1', aud: [AUDIENCE, 'account'], sub: 'f:1', typ: 'Bearer', azp: 'erp', sid: 's1', acr: '1', realm_access: { roles: ['user'] }, scope: 'openid devices:read', tenant: 'w1', preferred_username: 'ada' },
    client: 'erp',
    owner: 'f:1',
    workspace: 'w1',
    idToken: { jti: '1', aud: 'erp', sub: 'f:1', typ: 'ID', azp: 'erp', sid: 's1', at_hash: 'x', acr: '1', tenant: 'w1' }
  },
  {
    name: 'Auth0',
    options: { profile: lenient, claims: { client: 'azp', workspace: 'org_id' } },
    typ: 'JWT',
    access: { sub: 'auth0|1', aud: [AUDIENCE, 'https://acme.auth0.com/userinfo'], azp: 'my_client', scope: 'openid devices:read', org_id: 'org_1', gty: 'password' },
    client: 'my_client',
    owner: 'auth0|1',
    workspace: 'org_1',
    idToken: { sub: 'auth0|1', aud: 'my_client', sid: 's1', nonce: 'n', org_id: 'org_1', nickname: 'ada' }
  },
  {
    name: 'Auth0, permissions of a user',
    options: { profile: lenient, claims: { client: 'azp', workspace: 'org_id', scopes: 'permissions' } },
    typ: 'JWT',
    access: { sub: 'auth0|1', aud: AUDIENCE, azp: 'my_client', scope: 'openid', permissions: ['devices:read'], org_id: 'org_1' },
    client: 'my_client',
    owner: 'auth0|1',
    workspace: 'org_1',
    idToken: { sub: 'auth0|1', aud: AUDIENCE, azp: 'my_client', org_id: 'org_1', nickname: 'ada' }
  },
  {
    name: 'Okta',
    options: { profile: lenient, claims: { client: 'cid', scopes: 'scp', workspace: () => 'w1' } },
    access: { ver: 1, jti: 'AT.1', aud: AUDIENCE, cid: '0oa1', uid: '00u1', scp: ['openid', 'devices:read'], auth_time: 1, sub: 'ada@example.com' },
    client: '0oa1',
    owner: 'ada@example.com',
    workspace: 'w1',
    idToken: { ver: 1, jti: 'ID.1', aud: '0oa1', sub: '00u1', amr: ['pwd'], idp: '00o1', auth_time: 1, at_hash: 'x' }
  },
  {
    name: 'Entra ID, a user',
    options: { profile: lenient, claims: { client: 'azp', scopes: 'scp', workspace: 'tid' } },
    typ: 'JWT',
    access: { aud: AUDIENCE, azp: 'app-1', azpacr: '1', oid: 'o1', scp: 'openid devices:read', sub: 'pairwise', tid: 'tenant-1', uti: 'u', ver: '2.0' },
    client: 'app-1',
    owner: 'pairwise',
    workspace: 'tenant-1',
    idToken: { aud: AUDIENCE, oid: 'o1', sub: 'pairwise', tid: 'tenant-1', uti: 'u', ver: '2.0', roles: ['devices:read'] }
  },
  {
    name: 'Entra ID 1.0, a program',
    options: { profile: lenient, claims: { client: 'appid', scopes: 'roles', workspace: 'tid' } },
    typ: 'JWT',
    access: { aud: AUDIENCE, appid: 'app-1', appidacr: '1', idtyp: 'app', oid: 'sp-1', roles: ['devices:read'], sub: 'sp-1', tid: 'tenant-1', ver: '1.0' },
    client: 'app-1',
    owner: 'sp-1',
    workspace: 'tenant-1',
    idToken: { aud: AUDIENCE, oid: 'o1', sub: 'pairwise', tid: 'tenant-1', ver: '1.0', roles: ['devices:read'] }
  },
  {
    name: 'Amazon Cognito',
    options: { profile: lenient, audience: 'client-7', claims: { audience: 'client_id', workspace: () => 'w1' } },
    access: { sub: 'aaaa', token_use: 'access', scope: 'openid devices:read', auth_time: 1, jti: '1', client_id: 'client-7', username: 'ada', version: 2 },
    client: 'client-7',
    owner: 'aaaa',
    workspace: 'w1',
    idToken: { sub: 'aaaa', aud: 'client-7', client_id: 'client-7', scope: '', token_use: 'id', auth_time: 1, 'cognito:username': 'ada' }
  },
  {
    name: 'Ory Hydra',
    options: { profile: lenient, claims: { scopes: 'scp', workspace: ({ ext }) => typeof ext === 'object' && ext !== null && 'org' in ext ? ext.org : undefined } },
    typ: 'JWT',
    access: { aud: [AUDIENCE], client_id: 'c1', ext: { org: 'w1' }, jti: '1', nbf: 1, scp: ['openid', 'devices:read'], sub: 'user-1' },
    client: 'c1',
    owner: 'user-1',
    workspace: 'w1',
    idToken: { aud: ['c1'], at_hash: 'x', rat: 1, sid: 's', sub: 'user-1', jti: '1', ext: { org: 'w1' } }
  }
]

for (const { name, options, typ, access, client, owner, workspace, idToken } of rows) {
  t.test(`${name}: an access token is let in with what it says, and an ID token of the same sign-in is refused`, async (t) => {
    const authority = await createAuthority(t)
    const { issuer, pair, clock } = authority
    const { get } = await guarded(t, authority, [createJwtResolver({ issuers: [{ audience: AUDIENCE, ...options, issuer }], transport: allowPlainHttp })])
    const now = Math.floor(clock.now() / 1000)
    const sign = (claims: Claims) => forge(pair.privateKey, { kid: 'key-1', typ }, { iss: issuer, iat: now, exp: now + 300, ...claims })
    const answer = await get(await sign(access))
    t.match([answer.statusCode, answer.json()], [200, { kind: 'access-token', client, owner, workspace }])
    t.ok(answer.json().scopes.includes('devices:read'))
    isRefused(t, await get(await sign(idToken)), 'CREDENTIAL_INVALID', 'an ID token')
    isRefused(t, await get(await sign({ ...access, nonce: 'n' })), 'CREDENTIAL_INVALID', 'with a claim of ID tokens alone')
    isRefused(t, await get(await sign({ ...access, aud: 'https://other.example.com', client_id: 'other' })), 'CREDENTIAL_INVALID', 'for another audience')
  })
}

t.test('without `lenient` none of these tokens is let in, and typ is never another', async (t) => {
  const authority = await createAuthority(t)
  const { issuer, issue } = authority
  const strict = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }], transport: allowPlainHttp })])
  const open = await guarded(t, authority, [createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE, profile: lenient }], transport: allowPlainHttp })])
  const tokens = await Promise.all(['JWT', undefined, 'at+jwt', 'dpop+jwt', 1].map((typ) => issue({}, { typ })))
  const statuses: number[][] = []
  for (const token of tokens) statuses.push([(await strict.get(token)).statusCode, (await open.get(token)).statusCode])
  t.same(statuses, [[401, 200], [401, 200], [200, 200], [401, 401], [401, 401]])
  isRefused(t, await strict.get(await issue({ jti: undefined })), 'CREDENTIAL_INVALID', 'no jti')
  t.equal((await open.get(await issue({ jti: undefined }))).statusCode, 200)
  isRefused(t, await open.get(await issue({ scope: undefined })), 'CREDENTIAL_INVALID', 'no scopes')
  isRefused(t, await open.get(await issue({ client_id: undefined })), 'CREDENTIAL_INVALID', 'no client')
})

t.test('claims that only `lenient` reads are refused at boot without it', async (t) => {
  const issuer = { issuer: 'https://auth.example.com', audience: AUDIENCE }
  const errors = [{ client: 'azp' }, { audience: 'client_id' }].map((claims) => {
    try {
      createJwtResolver({ issuers: [{ ...issuer, claims }] })
      return 'boots'
    } catch (fault) {
      return fault instanceof Error ? fault.message : ''
    }
  })
  t.match(errors, [/write profile: 'lenient'/, /write profile: 'lenient'/])
})

t.test('signing keys are loaded before the first token, and an issuer that is down is named', async (t) => {
  const authority = await createAuthority(t)
  const { issuer, asked, clock, answers } = authority
  const down = 'http://127.0.0.1:1'
  const resolver = createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE }, { issuer: down, audience: AUDIENCE }], transport: allowPlainHttp })
  t.same(await resolver.ready(clock.now), [down])
  t.equal(asked.length, 2)
  answers.clear()
  const { get } = await guarded(t, authority, [resolver])
  t.equal((await get(await authority.issue())).statusCode, 200, 'no token waits for its issuer')
  t.equal(asked.length, 2)
  t.same(await createJwtResolver({ issuers: [{ issuer: down, audience: AUDIENCE, jwks: { keys: [] } }], transport: allowPlainHttp }).ready(), [])
})
