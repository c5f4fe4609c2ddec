import { defineScopes, OptionError } from 'fastify-latchkey'
import t from 'tap'
import { collectRounds, thrown } from '../helpers/collect.js'
import { principal, untyped } from '../helpers/limits.js'

const STRANGE = ['devices:*', '*', 'devices', 'devices:', ':read', 'devices:Read', 'DEVICES:READ', ' devices:read', 'devices:read ', 'devices:read devices:manage', '"devices:read"', 'devices:read\n', 'devices:read\0', 'devices:ｒead', '', '__proto__', 'constructor', 'toString', 'hasOwnProperty']

t.test('a resource has a scope for each action, in the order of the declaration', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read', 'write'], deployments: ['stage'] } })
  t.same(scopes.names, ['devices:read', 'devices:write', 'deployments:stage'])
  t.same(scopes.levels, [])
  t.equal(scopes.has('devices:read'), true)
  t.equal(scopes.has('devices:stage'), false)
})

t.test('manage includes its whole resource and nothing of others; write does not include read', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read', 'write', 'provision', 'manage'], deployments: ['read', 'manage'] } })
  t.same(scopes.expand(['devices:manage']), ['devices:read', 'devices:write', 'devices:provision', 'devices:manage'])
  t.same(scopes.expand(['devices:write']), ['devices:write'])
  t.same(scopes.expand(['deployments:read', 'devices:read']), ['devices:read', 'deployments:read'])
  t.same(scopes.expand([]), [])
})

t.test('manage includes its whole resource wherever it is listed', async (t) => {
  const rounds = collectRounds()
  for (const actions of [['manage', 'read', 'write'], ['read', 'manage', 'write'], ['read', 'write', 'manage']]) {
    const scopes = defineScopes({ resources: { devices: actions, reports: ['manage', 'read'] } })
    rounds.add(scopes.expand(['devices:manage']), actions.map((action) => `devices:${action}`), actions.join())
    rounds.add(scopes.expand(['devices:read', 'devices:write']).length, 2)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('implications are followed to their end, also through manage and in circles', async (t) => {
  const scopes = defineScopes({
    resources: { a: ['one', 'two'], b: ['read', 'manage'], c: ['go'] },
    implies: { 'a:one': ['a:two'], 'a:two': ['b:manage'], 'b:read': ['c:go'], 'c:go': ['a:one'] },
  })
  const rounds = collectRounds()
  for (const name of scopes.names) rounds.add(scopes.expand([name]), scopes.names, name)
  t.strictSame(rounds.seen, rounds.expected)
  const line = defineScopes({ resources: { a: ['one', 'two', 'three'] }, implies: { 'a:one': ['a:two'], 'a:two': ['a:three'] } })
  t.same([line.expand(['a:one']), line.expand(['a:two']), line.expand(['a:three'])], [['a:one', 'a:two', 'a:three'], ['a:two', 'a:three'], ['a:three']])
  const itself = defineScopes({ resources: { a: ['one', 'two'] }, implies: { 'a:one': ['a:one'] } })
  t.same(itself.expand(['a:one']), ['a:one'])
})

t.test('levels include those before them', async (t) => {
  const levels = defineScopes({ levels: ['READ', 'WRITE', 'ADMIN'] })
  t.same(levels.names, ['READ', 'WRITE', 'ADMIN'])
  t.same(levels.levels, ['READ', 'WRITE', 'ADMIN'])
  t.same(levels.expand(['READ']), ['READ'])
  t.same(levels.expand(['WRITE']), ['READ', 'WRITE'])
  t.same(levels.expand(['ADMIN']), ['READ', 'WRITE', 'ADMIN'])
})

t.test('a catalogue may have levels and resources, which may imply one another', async (t) => {
  const both = defineScopes({ levels: ['READ', 'WRITE'], resources: { events: ['send'] }, implies: { WRITE: ['events:send'] } })
  t.same(both.expand(['WRITE']), ['events:send', 'READ', 'WRITE'])
  t.same(both.expand(['READ']), ['READ'])
})

t.test('a scope that is not declared grants nothing, whatever it looks like', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read', 'manage'] } })
  const rounds = collectRounds()
  for (const strange of STRANGE) {
    rounds.add(scopes.has(strange), false, strange)
    rounds.add(scopes.expand([strange]), [], strange)
    rounds.add(scopes.expand([strange, 'devices:read']), ['devices:read'], strange)
    rounds.add(scopes.permits(principal('p', { scopes: [strange] }), 'devices:read'), false, strange)
    rounds.add(scopes.require([strange]), undefined, strange)
  }
  t.strictSame(rounds.seen, rounds.expected)
  t.same(scopes.expand(untyped([undefined, null, 1, {}, ['devices:read']])), [])
})

t.test('names of Object.prototype are names like any other, where declared', async (t) => {
  const scopes = defineScopes(untyped<{ resources: Record<string, string[]> }>(JSON.parse('{"resources":{"__proto__":["constructor","toString","manage"]}}')))
  t.same(scopes.names, ['__proto__:constructor', '__proto__:toString', '__proto__:manage'])
  t.same(scopes.expand(['__proto__:manage']), scopes.names)
  t.same(scopes.expand(['__proto__:constructor']), ['__proto__:constructor'])
})

t.test('permits requires all named scopes', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read', 'write', 'manage'] } })
  const reader = principal('p', { scopes: ['devices:read'] })
  t.equal(scopes.permits(reader, 'devices:read'), true)
  t.equal(scopes.permits(reader, 'devices:read', 'devices:write'), false)
  t.equal(scopes.permits(principal('p', { scopes: ['devices:manage'] }), 'devices:read', 'devices:write'), true)
  t.throws(() => scopes.permits(reader, untyped('devices:reed')), { name: 'OptionError', message: /scope "devices:reed" is not declared/ })
})

t.test('what a frozen list grants is cached, and what a changeable one grants is not', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read', 'write'] } })
  const frozen = Object.freeze(['devices:read'])
  t.equal(scopes.grant(frozen), scopes.grant(frozen))
  const open = ['devices:read', 'devices:write']
  const holder = principal('p', { scopes: open })
  t.equal(scopes.permits(holder, 'devices:write'), true)
  open.pop()
  t.equal(scopes.permits(holder, 'devices:write'), false)
})

t.test('a catalogue can not be changed', async (t) => {
  const scopes = defineScopes({ resources: { devices: ['read'] } })
  t.ok(Object.isFrozen(scopes) && Object.isFrozen(scopes.names) && Object.isFrozen(scopes.levels))
  t.same(Reflect.ownKeys(scopes.grant(['devices:read'])), [], 'no way to add to what is shared')
})

t.test('a wrong definition is refused with what is wrong', async (t) => {
  const rows: Array<[unknown, RegExp]> = [
    [undefined, /option scopes must be \{ resources, implies\? \} or \{ levels, methods\? \}, not undefined/],
    [{}, /option scopes must declare resources or levels/],
    [{ resources: {} }, /must declare resources or levels/],
    [{ levels: [] }, /must declare resources or levels/],
    [{ resource: { devices: ['read'] } }, /unknown option scopes\.resource; known here: resources, implies, levels, methods/],
    [{ resources: ['devices'] }, /option scopes\.resources must be \{ resource: \[actions\] \}, not an array of 1/],
    [{ levels: ['READ'], methods: 5 }, /option scopes\.methods must be \{ METHOD: level \}, not 5/],
    [{ resources: { devices: [] } }, /option scopes\.resources\.devices must be an array with at least one action/],
    [{ resources: { devices: 'read' } }, /option scopes\.resources\.devices must be an array with at least one action, not "read"/],
    [{ resources: { devices: [1] } }, /option scopes\.resources\.devices\.0 must be a string, not 1/],
    [{ resources: { devices: ['read', 'read'] } }, /option scopes declares devices:read twice/],
    [{ levels: ['READ', 'READ'] }, /option scopes declares READ twice/],
    [{ resources: { devices: ['read'] }, implies: { 'devices:reed': ['devices:read'] } }, /option scopes\.implies names "devices:reed", which is not declared; declared: devices:read/],
    [{ resources: { devices: ['read'] }, implies: { 'devices:read': ['devices:reed'] } }, /option scopes\.implies names "devices:reed"/],
    [{ resources: { devices: ['read'] }, implies: { 'devices:read': 'devices:read' } }, /option scopes\.implies\.devices:read must be an array of strings/],
    ...['a b', '', 'a"b', 'a\\b', 'a\nb', 'a\0', 'é', 'a:b', '\u007f'].flatMap((name): Array<[unknown, RegExp]> => [
      [{ resources: { [name]: ['read'] } }, /option scopes\.resources has .*a name is visible ASCII without spaces, quotes, backslashes and colons/],
      [{ resources: { devices: [name] } }, /option scopes\.resources\.devices has .*a name is visible ASCII/],
      [{ levels: [name] }, /option scopes\.levels has .*a name is visible ASCII/],
    ]),
  ]
  const patterns = collectRounds()
  for (const [definition, message] of rows) {
    patterns.add(thrown(() => defineScopes(untyped<object>(definition))), message)
    patterns.add(thrown(() => defineScopes(untyped<object>(definition))), OptionError)
  }
  t.match(patterns.seen, patterns.expected)
})
