import t from 'tap'
import fc from 'fast-check'
import { InvalidCredential } from 'fastify-latchkey'
import { createJwtResolver, type JwtResolverOptions } from 'fastify-latchkey/oauth'
import { isPrincipal, type Principal } from '../../lib/core/principal.js'
import { collectRounds, rejection } from '../helpers/collect.js'
import { lookup } from '../helpers/lookup.js'
import { AUDIENCE, createPair, forge, type Claims } from '../helpers/oauth.js'

const NOW = Date.UTC(2026, 0, 1)
const issuer = 'https://auth.example.com'
const pair = await createPair()

function resolverOf (over: Partial<JwtResolverOptions> = {}) {
  return createJwtResolver({ issuers: [{ issuer, audience: AUDIENCE, jwks: { keys: [pair.jwk] } }], ...over })
}

const good = { iss: issuer, aud: AUDIENCE, sub: 'user-1', client_id: 'client-1', jti: 'j', iat: NOW / 1000, exp: NOW / 1000 + 60, scope: 'devices:read', workspace: 'w1' }

async function principalOf (resolver: ReturnType<typeof resolverOf>, claims: Claims): Promise<Principal> {
  const token = await forge(pair.privateKey, { typ: 'at+jwt', kid: 'key-1' }, { ...good, ...claims })
  const principal = await resolver.resolve(token, NOW, lookup({ clock: () => NOW }))
  if (principal === undefined) throw new TypeError('not taken for a token')
  return principal
}

t.test('the option claims maps claims to the principal, by name or by function', async (t) => {
  const resolver = resolverOf({
    environment: 'sandbox',
    claims: {
      workspace: 'https://acme.example/org',
      environment: ({ stage }) => stage,
      tier: 'plan',
      owner: ({ act }) => typeof act === 'object' ? 'agent' : undefined,
      scopes: 'permissions'
    }
  })
  const claims = { 'https://acme.example/org': 'w2', stage: 'staging', plan: 'pro', act: {}, permissions: ['devices:write', 'devices:write'] }
  t.match(await principalOf(resolver, claims), { workspace: 'w2', environment: 'staging', tier: 'pro', owner: 'agent', scopes: ['devices:write'] })
  const bare = await principalOf(resolver, { ...claims, plan: null, act: undefined, permissions: undefined })
  t.strictSame([bare.tier, bare.owner, bare.scopes], [undefined, undefined, []], 'nothing is made up')
  const patterns = collectRounds()
  for (const [over, reason] of [[{ stage: undefined }, 'environment'], [{ stage: 1 }, 'environment'], [{ plan: {} }, 'tier'], [{ permissions: 'a'.split(''), 'https://acme.example/org': '' }, 'workspace'], [{ permissions: [['x']] }, 'scopes']] as const) {
    patterns.add(await rejection(principalOf(resolver, { ...claims, ...over })), { name: 'InvalidCredential', message: reason })
  }
  t.match(patterns.seen, patterns.expected)
  const inherited = resolverOf({ claims: { workspace: 'constructor' } })
  await t.rejects(principalOf(inherited, {}), InvalidCredential, 'what every object has is no claim')
  t.strictSame((await principalOf(resolverOf({ claims: { scopes: 'constructor' } }), {})).scopes, [])
  const failing = resolverOf({ claims: { tier: () => { throw new Error('bug') } } })
  await t.rejects(principalOf(failing, {}), { message: 'bug' }, 'a mistake of the host is an outage')
})

t.test('limits count by client and user, by client or by user', async (t) => {
  const ids = async (partition: 'client' | 'user' | 'client-and-user') => {
    const resolver = resolverOf({ partition })
    return await Promise.all([{}, { sub: 'user-2' }, { client_id: 'client-2' }].map(async (claims) => (await principalOf(resolver, claims)).id))
  }
  const sizes = { 'client-and-user': 3, client: 2, user: 2 } as const
  const rounds = collectRounds()
  for (const partition of ['client-and-user', 'client', 'user'] as const) rounds.add(new Set(await ids(partition)).size, sizes[partition], partition)
  t.strictSame(rounds.seen, rounds.expected)
  const [mine, other] = await ids('client')
  t.equal(mine, other, 'all users of a client')
})

t.test('a client with the name of a client and a user is not that user', async (t) => {
  const resolver = resolverOf()
  const user = await principalOf(resolver, { client_id: 'a', sub: 'b' })
  const client = await principalOf(resolver, { client_id: 'a:user:b', sub: 'a:user:b' })
  const other = await principalOf(resolver, { client_id: 'a:user:b', sub: 'c' })
  t.equal(new Set([user.id, client.id, other.id]).size, 3)
})

t.test('whatever names clients and users have, no two share an id', async (t) => {
  const text = fc.oneof(fc.string({ minLength: 1, maxLength: 12 }), fc.constantFrom('a', 'a:user:b', ':user:', 'user', 'client:a', '%3A', 'key_1', '__proto__')).filter((one) => Buffer.from(one).toString() === one)
  const resolvers = { 'client-and-user': resolverOf(), client: resolverOf({ partition: 'client' }), user: resolverOf({ partition: 'user' }) }
  const all = new Map<string, string>()
  await fc.assert(fc.asyncProperty(text, text, async (client, subject) => {
    for (const [partition, resolver] of Object.entries(resolvers)) {
      const { id } = await principalOf(resolver, { client_id: client, sub: subject })
      if (!id.startsWith('oauth:')) return false
      const means = JSON.stringify(client === subject ? ['client', client] : partition === 'client' ? ['client', client] : partition === 'user' ? ['user', subject] : [client, subject])
      const known = all.get(id) ?? means
      all.set(id, known)
      if (known !== means) return false
    }
    return true
  }), { seed: 5, numRuns: 150 })
  t.ok(all.size > 100)
})

t.test('whatever the claims are, the answer is a whole principal with the scopes of the token, or a refusal', async (t) => {
  const resolver = resolverOf({ claims: { tier: 'tier', owner: 'owner', environment: 'environment' } })
  const names = ['iss', 'aud', 'sub', 'client_id', 'jti', 'iat', 'exp', 'nbf', 'scope', 'workspace', 'tier', 'owner', 'environment', 'cnf', '__proto__', 'toString']
  const claims = fc.dictionary(fc.constantFrom(...names), fc.oneof(fc.jsonValue(), fc.constantFrom('devices:read', '', null, NOW / 1000, NOW, -1)), { maxKeys: 3 })
  let taken = 0
  await fc.assert(fc.asyncProperty(claims, async (over) => {
    const given = { ...good, environment: 'production', ...over }
    const found = await principalOf(resolver, given).catch((fault: unknown) => fault)
    if (found instanceof InvalidCredential) return true
    if (!isPrincipal(found)) return false
    taken++
    const scopes: unknown = given.scope ?? []
    const listed = typeof scopes === 'string' ? scopes.split(' ').filter((one) => one !== '') : scopes
    return Object.isFrozen(found) && Object.isFrozen(found.scopes) && found.kind === 'access-token' && found.workspace === given.workspace &&
      found.environment === given.environment && Array.isArray(listed) && JSON.stringify(found.scopes) === JSON.stringify([...new Set(listed)])
  }), { seed: 7, numRuns: 400 })
  t.ok(taken > 20, `${taken} were taken`)
})
