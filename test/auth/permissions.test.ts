import { InvalidCredential } from 'fastify-latchkey'
import { loadKey, type ApiKey } from 'fastify-latchkey/keys'
import { fakeClock } from 'fastify-latchkey/testing'
import t from 'tap'
import { createPermissions, type PermissionsOf, type PermissionsDeps } from '../../lib/auth/permissions.js'
import { collectRounds, rejection, thrown } from '../helpers/collect.js'
import { scopes, untyped } from '../helpers/limits.js'
import { gate, record } from '../helpers/slow-keys.js'

function bounded (permissionsOf: PermissionsOf, parts: Partial<PermissionsDeps> = {}) {
  const clock = fakeClock()
  const logged: string[] = []
  const asked: string[] = []
  const permissions = createPermissions({
    permissionsOf (owner, workspace) {
      asked.push(`${owner} in ${workspace}`)
      return permissionsOf(owner, workspace)
    },
    maxAge: 10,
    expand: scopes.expand,
    deadline: 0.05,
    log: (reason, message) => logged.push(`${message}: ${reason}`),
    ...parts
  })
  return { clock, logged, asked, permissions, bound: (loaded = load()) => permissions.bound(loaded.principal, clock.now()) }
}

const load = (over: Partial<ApiKey> = {}) => loadKey(record({ owner: 'u1', ...over }), 1)

t.test('a key grants the scopes that both it and its owner have, with those they imply', async (t) => {
  const rows: Array<[key: string[], owner: string[], granted: string[]]> = [
    [['devices:read'], ['devices:manage'], ['devices:read']],
    [['devices:manage'], ['devices:read', 'devices:write'], ['devices:read', 'devices:write']],
    [['devices:manage'], ['deployments:manage'], []],
    [['deployments:stage', 'devices:read'], ['deployments:read', 'devices:read'], ['devices:read', 'deployments:read']],
    [['deployments:manage'], ['deployments:manage'], ['deployments:manage']],
    [[], ['devices:manage'], []],
    [['devices:read'], [], []]
  ]
  const rounds = collectRounds()
  for (const [key, owner, granted] of rows) {
    const { bound } = bounded(() => untyped(owner))
    const principal = await bound(load({ scopes: key }))
    rounds.add(principal, { ...load().principal, scopes: granted }, `${key} of ${owner}`)
    rounds.add(Object.isFrozen(principal) && Object.isFrozen(principal.scopes), true)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a fresh bound of the same principal asks again, and its answer holds for those after it', async (t) => {
  let granted: Array<'devices:read'> = ['devices:read']
  const { permissions, asked, clock, bound } = bounded(() => granted)
  const { principal } = load()
  t.same((await permissions.bound(principal, clock.now())).scopes, ['devices:read'])
  granted = []
  t.same((await permissions.bound(principal, clock.now())).scopes, ['devices:read'], 'cached')
  t.same((await permissions.bound(principal, clock.now(), true)).scopes, [])
  t.same((await permissions.bound(principal, clock.now())).scopes, [])
  t.same((await bound()).scopes, [])
  t.equal(asked.length, 2)
})

t.test('a key without an owner keeps its scopes', async (t) => {
  const { permissions, asked } = bounded(() => [])
  const loaded = loadKey(record(), 1)
  t.equal(permissions.bound(loaded.principal, 0), loaded.principal)
  t.same(asked, [])
})

t.test('the same principal is returned synchronously until the permissions are too old', async (t) => {
  let current: string[] = ['devices:manage']
  const { bound, clock, asked } = bounded(async () => untyped(current))
  const loaded = load({ scopes: ['devices:read', 'devices:write'] })
  const principal = await bound(loaded)
  t.equal(bound(loaded), principal)
  clock.advance(9.999)
  t.equal(bound(loaded), principal)
  clock.advance(0.001)
  t.equal(await bound(loaded), principal, 'asked anew, and the same as before')
  current = ['devices:read']
  clock.advance(10)
  t.same((await bound(loaded)).scopes, ['devices:read'])
  clock.advance(-1)
  current = []
  t.same((await bound(loaded)).scopes, [], 'a clock that steps back makes nothing younger')
  t.equal(asked.length, 4)
  t.same(new Set(asked), new Set(['u1 in w1']))
})

t.test('a synchronous permissionsOf makes no promise', async (t) => {
  const { bound } = bounded(() => untyped(['devices:read']))
  t.match(bound(), { scopes: ['devices:read'] })
})

t.test('all keys of an owner share one call, those of others have their own', async (t) => {
  const { bound, asked } = bounded(async (owner) => untyped(owner === 'u1' ? ['devices:read'] : ['devices:manage']))
  const several = await Promise.all([...Array.from({ length: 500 }, (_, n) => load({ id: `key_${n}` })), load({ owner: 'u2' }), load({ workspace: 'w2' })].map((loaded) => bound(loaded)))
  t.equal(several.length, 502)
  t.same(asked, ['u1 in w1', 'u2 in w1', 'u1 in w2'])
  t.match(bound(load({ id: 'key_new' })), { id: 'key_new', scopes: ['devices:read'] }, 'and what is known is given at once')
  t.equal(asked.length, 3)
})

t.test('a key whose owner is gone is refused, and that answer is cached no longer than any other', async (t) => {
  const rounds = collectRounds()
  const patterns = collectRounds()
  for (const gone of [undefined, null]) {
    let answer: readonly string[] | null | undefined = gone
    const { bound, clock, asked } = bounded(async () => untyped(answer))
    const loaded = load()
    const dies = { name: 'InvalidCredential', message: 'key_1: The owner of the credential is gone.', detail: 'The owner of the credential is gone.' }
    patterns.add(await rejection(async () => await bound(loaded)), dies)
    patterns.add(thrown(() => bound(loaded)), dies)
    patterns.add(thrown(() => bound(loaded)), InvalidCredential)
    rounds.add(asked.length, 1)
    answer = ['devices:read']
    clock.advance(10)
    patterns.add(await bound(loaded), { scopes: ['devices:read'] })
    answer = gone
    clock.advance(10)
    patterns.add(await rejection(async () => await bound(loaded)), dies, 'a principal from before is no way in')
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.match(patterns.seen, patterns.expected)
})

t.test('a permissionsOf that fails, hangs or returns nonsense lets nobody in, and is called again', async (t) => {
  const faults: Array<[string, PermissionsOf, RegExp]> = [
    ['throws', () => { throw new Error('down') }, /^down$/],
    ['rejects', async () => { throw new Error('down') }, /^down$/],
    ['hangs', () => new Promise(() => {}), /^permissionsOf did not answer within 0.05 s$/],
    ...['devices:read', 7, true, {}, [1], ['devices:read', null]].map((nonsense): typeof faults[number] =>
      [JSON.stringify(nonsense), () => untyped(nonsense), /^permissionsOf must answer an array of scopes/])
  ]
  const patterns = collectRounds()
  for (const [what, fault, said] of faults) {
    let failing = true
    const { bound } = bounded((owner, workspace) => failing ? fault(owner, workspace) : untyped(['devices:read']))
    patterns.add(await rejection(async () => await bound()), { message: said }, what)
    failing = false
    patterns.add(await bound(), { scopes: ['devices:read'] }, `${what}: again`)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('undeclared scopes grant nothing, and are logged once', async (t) => {
  const { bound, logged } = bounded((owner) => untyped(['devices:reed', 'devices:read', owner]))
  t.match(bound(), { scopes: ['devices:read'] })
  t.match(bound(load({ owner: 'u2' })), { scopes: ['devices:read'] })
  t.same(logged, ['permissionsOf answers a scope that grants nothing; this is logged once: "devices:reed" is not declared'])
})

t.test('forget calls permissionsOf again, and a call from before does not bring its answer back', async (t) => {
  let answer = ['devices:read']
  const first = gate()
  let wait: Promise<void> = first.opened
  const { bound, permissions, asked } = bounded(async () => {
    const read = answer
    await wait
    return untyped(read)
  })
  const loaded = load({ scopes: ['devices:manage'] })
  const before = bound(loaded)
  answer = []
  permissions.forget('u1', 'w1')
  permissions.forget('u9', 'w1')
  first.open()
  t.same((await before).scopes, ['devices:read'], 'who asked before')
  wait = Promise.resolve()
  t.same((await bound(loaded)).scopes, [])
  answer = ['devices:write']
  permissions.forget('u1', 'w2')
  t.same((await bound(loaded)).scopes, [], 'another workspace')
  permissions.forget('u1', 'w1')
  t.same((await bound(loaded)).scopes, ['devices:write'])
  t.equal(asked.length, 3)
})

t.test('an earlier call that ends after a later one changes nothing', async (t) => {
  const gates = [gate(), gate()]
  const answers = [['devices:manage'], ['devices:read']]
  let times = 0
  const { bound, permissions } = bounded(async () => {
    const n = times++
    await gates[n]?.opened
    return untyped(answers[n])
  })
  const loaded = load({ scopes: ['devices:manage'] })
  const first = bound(loaded)
  permissions.forget('u1', 'w1')
  const second = bound(loaded)
  gates[1]?.open()
  t.same((await second).scopes, ['devices:read'])
  gates[0]?.open()
  t.same((await first).scopes, ['devices:read'])
  t.same((await bound(loaded)).scopes, ['devices:read'])
})

t.test('owners are cached up to a bound, and asked for again once they were removed', async (t) => {
  const { bound, permissions, asked } = bounded(() => untyped(['devices:read']))
  const loaded = load()
  const principal = await bound(loaded)
  for (let n = 0; n < 10_100; n++) await bound(load({ owner: `o${n}` }))
  t.same((await bound(loaded)).scopes, principal.scopes)
  const before = asked.length
  permissions.forget('u1', 'w1')
  await bound(loaded)
  t.equal(asked.length, before + 1, 'an answer that has left can be forgotten, too')
})
