import t from 'tap'
import { collectRounds, thrown } from '../helpers/collect.js'
import { scopes, untyped } from '../helpers/limits.js'

t.test('secure requires all of its scopes, or any valid credential', async (t) => {
  t.same(scopes.secure('devices:read', 'devices:write'), { security: [{ apiKey: ['devices:read', 'devices:write'] }] })
  t.same(scopes.secure(), { security: [{ apiKey: [] }] })
  t.same(scopes.secure('devices:read', { cost: 2 }), { security: [{ apiKey: ['devices:read'] }], 'x-rate-limit': { cost: 2 } })
  t.same(scopes.public({ anonymous: false }), { security: [], 'x-rate-limit': { anonymous: false } })
  t.same(scopes.secure({ profile: 'heavy', cost: 5 }), { security: [{ apiKey: [] }], 'x-rate-limit': { profile: 'heavy', cost: 5 } })
})

t.test('anyOf declares alternatives, each of one scope or of several', async (t) => {
  t.same(scopes.anyOf('devices:read', ['devices:write', 'devices:provision']), { security: [{ apiKey: ['devices:read'] }, { apiKey: ['devices:write', 'devices:provision'] }] })
  t.same(scopes.anyOf('devices:read', { cost: 2 }), { security: [{ apiKey: ['devices:read'] }], 'x-rate-limit': { cost: 2 } })
})

t.test('public lets everybody in', async (t) => {
  t.same(scopes.public(), { security: [] })
})

t.test('an undeclared scope is refused by every helper, and never ignored', async (t) => {
  const wrong: unknown[] = ['devices:reed', 'devices:*', '', '__proto__', 'constructor', undefined, null, 1, true, Symbol('s'), () => 'devices:read', ['devices:reed'], [undefined], [['devices:read']]]
  const patterns = collectRounds()
  for (const value of wrong) {
    const named = String(typeof value === 'symbol' ? 'a symbol' : JSON.stringify(value))
    patterns.add(thrown(() => scopes.secure(untyped(value))), { name: 'OptionError', message: /is not declared; declared: devices:read/ }, `secure ${named}`)
    patterns.add(thrown(() => scopes.secure('devices:read', untyped(value))), { name: 'OptionError' }, `secure … ${named}`)
    patterns.add(thrown(() => scopes.anyOf(untyped(value))), { name: 'OptionError', message: /is not declared; declared: devices:read/ }, `anyOf ${named}`)
    patterns.add(thrown(() => scopes.requireScopes(untyped(value))), { name: 'OptionError', message: /is not declared/ }, `requireScopes ${named}`)
  }
  t.match(patterns.seen, patterns.expected)
})

t.test('a list instead of scopes is refused by secure: it would have let anybody in', async (t) => {
  t.throws(() => scopes.secure(untyped(['devices:read'])), { name: 'OptionError' })
  t.throws(() => scopes.secure(untyped([])), { name: 'OptionError' })
})

t.test('anyOf without alternatives is refused: it would have let everybody in', async (t) => {
  t.throws(() => scopes.anyOf(), { name: 'OptionError', message: /anyOf needs at least one alternative; for everybody declare public\(\)/ })
  t.throws(() => scopes.anyOf({ cost: 5 }), { name: 'OptionError', message: /anyOf needs at least one alternative/ })
  t.throws(() => scopes.anyOf('devices:read', []), { name: 'OptionError', message: /anyOf has an alternative without scopes; for any valid credential declare secure\(\)/ })
  t.throws(() => scopes.requireScopes(), { name: 'OptionError', message: /requireScopes needs at least one scope/ })
})

t.test('two rate limits are refused', async (t) => {
  t.throws(() => scopes.secure({ cost: 1 }, { cost: 2 }), { name: 'OptionError', message: /two rate limits/ })
  t.throws(() => scopes.anyOf('devices:read', { cost: 1 }, { profile: 'x' }), { name: 'OptionError', message: /two rate limits/ })
})
