import Fastify from 'fastify'
import { Type } from '@sinclair/typebox'
import t, { type Test } from 'tap'
import { allowPlainHttp, auth, type AuthOptions } from '../../lib/auth/index.js'
import { accessContext, contextOf } from '../../lib/core/access-context.js'
import { accepted, checkOptions, OptionError, show, withMethods } from '../../lib/core/options.js'
import { collectRounds, thrown } from '../helpers/collect.js'
import { BEARER, goodResolver, guard, principal, secured } from '../helpers/guard.js'

/** Registers `accessContext`, and `auth` where its options are given, without the help of types. */
async function boot (contexts: Record<string, unknown>, auths?: Record<string, unknown>): Promise<void> {
  const app = Fastify()
  await app.register(accessContext, Object.assign<object, object>({}, contexts))
  const good: AuthOptions = { resolvers: [goodResolver()], environment: 'production', transport: allowPlainHttp }
  if (auths !== undefined) await app.register(auth, Object.assign(good, auths))
  await app.ready()
  await app.close()
}

async function isOptionError (t: Test, booting: Promise<void>, ...said: Array<string | RegExp>): Promise<void> {
  const error: unknown = await booting.then(() => new Error('it booted'), (error: unknown) => error)
  t.ok(error instanceof OptionError && error instanceof TypeError, String(error))
  t.match(error, { name: 'OptionError', code: 'LATCHKEY_ERR_OPTION' })
  const patterns = collectRounds()
  for (const text of said) patterns.add(String(error), text)
  t.match(patterns.seen, patterns.expected)
}

t.test('an app with valid options of every kind boots', async () => {
  for (const contexts of [
    {}, { errors: 'problem' }, { errors: 'error' }, { errors: 'detail' }, { errors: 'error-message' }, { errors: 'throw' }, { errors: () => ({ body: {} }) },
    { undeclared: 'refuse' }, { undeclared: 'authenticate' }, { undeclared: () => 'public' }, { rateLimitFields: 'draft' }, { rateLimitFields: false }, { rateLimitFields: [] },
    { rateLimitFields: ['draft', 'trio', 'x-ratelimit'] }, { realm: 'Acme API (v1)' }, { clock: () => 0 }, { byMethod: () => undefined }, { errors: undefined, realm: undefined }
  ]) await boot(contexts)
  for (const auths of [
    {}, { environment: ['a', 'b'] }, { environment: () => 'a' }, { deadline: 0.001 }, { deadline: 60 }, { failures: false }, { failures: { quota: 1, window: 86_400 } },
    { transport: undefined }, { deadline: undefined, failures: undefined, events: undefined }
  ]) await boot({}, auths)
})

t.test('a wrong option of the context is refused with its path, what was given and what to write', async (t) => {
  const cases: ReadonlyArray<readonly [Record<string, unknown>, string]> = [
    [{ errors: 'Problem' }, 'option errors must be \'problem\', \'error\', \'detail\', \'error-message\', \'throw\' or a function of the error, not "Problem"'],
    [{ errors: null }, 'option errors must be \'problem\''],
    [{ errors: '__proto__' }, 'option errors must be'],
    [{ errors: 'constructor' }, 'option errors must be'],
    [{ undeclared: 'public' }, 'option undeclared must be \'refuse\', \'authenticate\' or a function of the route, not "public"'],
    [{ undeclared: [] }, 'option undeclared must be \'refuse\', \'authenticate\' or a function of the route, not an array of 0'],
    [{ rateLimitFields: 'rfc' }, 'option rateLimitFields must be \'draft\', \'trio\', \'x-ratelimit\', an array of these or false, not "rfc"'],
    [{ rateLimitFields: true }, 'or false, not true'],
    [{ rateLimitFields: ['draft', 'x'] }, 'option rateLimitFields must be'],
    [{ realm: '' }, 'option realm must be visible ASCII without quotes and backslashes, not ""'],
    [{ realm: 'a"b' }, 'option realm must be'],
    [{ realm: 'a\\b' }, 'option realm must be'],
    [{ realm: 'a\r\nset-cookie: x' }, 'option realm must be'],
    [{ realm: 'é' }, 'option realm must be'],
    [{ realm: 5 }, 'without quotes and backslashes, not 5'],
    [{ clock: Date.now() }, 'option clock must be a function that returns milliseconds since the epoch, not 1'],
    [{ clock: new Date(0) }, 'not a Date'],
    [{ byMethod: { GET: [] } }, 'option byMethod must be a function of the method, not an object with GET'],
    [{ error: 'problem' }, 'unknown option error; known here: errors, undeclared, unknownPaths, byMethod, rateLimitFields, realm, clock'],
    [{ Realm: 'x' }, 'clock; did you mean realm?'],
    [{ rateLimitFeilds: 'trio', realm: '' }, 'unknown option rateLimitFeilds; known here: errors, undeclared, unknownPaths, byMethod, rateLimitFields, realm, clock; did you mean rateLimitFields?'],
    [{ prefix: '/v1' }, 'unknown option prefix']
  ]
  const rounds = collectRounds()
  for (const [options, text] of cases) {
    t.comment(text)
    const message = await boot(options).then(() => 'it booted', String)
    rounds.add(message.includes(text), true, message)
    await isOptionError(t, boot(options), /^OptionError: fastify-latchkey: /)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a wrong option of auth is refused in the same way', async (t) => {
  const resolver = goodResolver()
  const cases: ReadonlyArray<readonly [Record<string, unknown>, string]> = [
    [{ environment: undefined }, 'option environment must be the environment this host serves, such as \'production\', an array of them or a function of the request, not undefined'],
    [{ environment: '' }, 'option environment must be'],
    [{ environment: [] }, 'option environment must be'],
    [{ environment: ['production', ''] }, 'option environment must be'],
    [{ environment: 5 }, 'or a function of the request, not 5'],
    [{ resolvers: [] }, 'option resolvers must be an array with at least one resolver, not an array of 0'],
    [{ resolvers: undefined }, 'option resolvers must be an array with at least one resolver, not undefined'],
    [{ resolvers: resolver }, 'option resolvers must be an array with at least one resolver, not an object with scheme'],
    [{ resolvers: [resolver, () => {}] }, 'option resolvers.1 must be a resolver: { scheme, kind: \'api-key\' or \'access-token\', description, resolve (token, now, lookup) }, not a function'],
    [{ resolvers: [null] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, resolve: undefined }] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, scheme: '' }] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, scheme: 5 }] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, kind: 'session' }] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, description: null }] }, 'option resolvers.0 must be a resolver'],
    [{ resolvers: [{ ...resolver, description: 'bearer' }] }, 'option resolvers.0 must be a resolver'],
    [{ transport: 'allowPlainHttp' }, 'option transport must be allowPlainHttp, imported from fastify-latchkey, or left out, not "allowPlainHttp"'],
    [{ transport: true }, 'or left out, not true'],
    [{ transport: Symbol('latchkey.allowPlainHttp') }, 'option transport must be allowPlainHttp, imported from fastify-latchkey, not another symbol'],
    [{ deadline: 0 }, 'option deadline must be seconds above 0 and at most 60, not 0'],
    [{ deadline: -1 }, 'option deadline must be'],
    [{ deadline: 61 }, 'option deadline must be'],
    [{ deadline: NaN }, 'at most 60, not NaN'],
    [{ deadline: Infinity }, 'at most 60, not Infinity'],
    [{ deadline: '1' }, 'at most 60, not "1"'],
    [{ failures: true }, 'option failures must be { quota, window }, a quota of at least 1 attempt and a window of 1 to 86400 whole seconds, or false, not true'],
    [{ failures: { quota: 0, window: 60 } }, 'option failures.quota must be a whole number of at least 1, not 0'],
    [{ failures: { quota: 1.5, window: 60 } }, 'option failures.quota must be a whole number of at least 1, not 1.5'],
    [{ failures: { quota: '300', window: 60 } }, 'option failures.quota must be a whole number of at least 1, not "300"'],
    [{ failures: { quota: 300 } }, 'option failures.window is missing; it must be a whole number of seconds from 1 to 86400'],
    [{ failures: { quota: 300, window: 2_592_000 } }, 'option failures.window must be a whole number of seconds from 1 to 86400, not 2592000'],
    [{ failures: { max: 300, timeWindow: 60 } }, 'unknown option failures.max; known here: quota, window'],
    [{ failures: { quota: 300, window: 60, ban: 1 } }, 'unknown option failures.ban; known here: quota, window'],
    [{ failures: [] }, 'or false, not an array of 0'],
    [{ enviroment: 'production' }, 'unknown option enviroment; known here: resolvers, environment, transport, credentials, deadline, failures, events'],
    [{ keys: {} }, 'unknown option keys']
  ]
  const rounds = collectRounds()
  for (const [options, text] of cases) {
    const message = await boot({}, options).then(() => 'it booted', String)
    rounds.add(message.includes(text), true, `${text} in ${message}`)
    await isOptionError(t, boot({}, options))
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('a missing option is reported as missing', async (t) => {
  const app = Fastify()
  await app.register(accessContext)
  await isOptionError(t, Promise.resolve(app.register(auth, Object.assign({ resolvers: [goodResolver()] }))).then(() => {}), /option environment is missing; it must be the environment this host serves/)
})

t.test('a resolver may be an instance of a class', async (t) => {
  class Sessions {
    readonly scheme = 'session'
    readonly kind = 'api-key'
    readonly description = { type: 'http', scheme: 'bearer' }
    resolve () { return principal({ id: this.scheme }) }
  }
  const { app } = await guard(t, { auth: { resolvers: [new Sessions()] }, after: (app) => app.get('/guarded', secured, async ({ principal }) => ({ id: principal?.id })) })
  t.strictSame((await app.inject({ url: '/guarded', headers: BEARER })).json(), { id: 'session' })
})

t.test('a plugin without an access context is refused', async (t) => {
  const app = Fastify()
  t.throws(() => contextOf(app), { name: 'OptionError', message: /this server is not guarded; register `latchkey`, or `accessContext` before single plugins/ })
  await isOptionError(t, Promise.resolve(app.register(auth, { resolvers: [goodResolver()], environment: 'production' })).then(() => {}), /this server is not guarded/)
})

t.test('a schema without a description is described by its type', async (t) => {
  const schema = Type.Object({ deep: Type.Object({ size: Type.Integer() }), list: Type.Optional(Type.Array(Type.String())) }, { additionalProperties: false })
  t.doesNotThrow(() => checkOptions(schema, { deep: { size: 1 } }, 'x'))
  t.throws(() => checkOptions(schema, { deep: { size: 'big' } }, 'limits'), { message: 'fastify-latchkey: option limits.deep.size must be a whole number, not "big"' })
  t.throws(() => checkOptions(schema, { deep: {} }, 'limits'), { message: 'fastify-latchkey: option limits.deep.size is missing; it must be a whole number' })
  t.throws(() => checkOptions(schema, { deep: { size: 1 }, list: [1] }, ''), { message: 'fastify-latchkey: option list.0 must be a string, not 1' })
  t.throws(() => checkOptions(schema, undefined, ''), { message: 'fastify-latchkey: option object must be an object, not undefined' })
  t.throws(() => checkOptions(schema, null, 'limits'), { message: 'fastify-latchkey: option limits must be an object, not null' })
})

t.test('a union names the values that are allowed, and the field of an object that is wrong', async (t) => {
  const level = Type.Union([Type.Literal('low'), Type.Literal('high'), Type.Literal(7)])
  const schema = Type.Object({ level, deep: Type.Optional(Type.Union([Type.Literal(false), Type.Object({ levels: Type.Array(level) })])) })
  t.throws(() => checkOptions(schema, { level: 'mid' }, ''), { message: 'fastify-latchkey: option level must be one of "low", "high", 7, not "mid"' })
  t.throws(() => checkOptions(schema, {}, ''), { message: 'fastify-latchkey: option level is missing; it must be one of "low", "high", 7' })
  t.throws(() => checkOptions(schema, { level: { a: 1 } }, ''), { message: /option level must be one of .*, not an object with a$/ })
  t.throws(() => checkOptions(schema, { level: 7, deep: { levels: ['low', 'mid'] } }, ''), { message: 'fastify-latchkey: option deep.levels.1 must be one of "low", "high", 7, not "mid"' })
  t.throws(() => checkOptions(schema, { level: 7, deep: true }, ''), { message: 'fastify-latchkey: option deep must be false or an object, not true' })
})

t.test('accepted checks values at any depth', async (t) => {
  const even = accepted((value) => typeof value === 'number' && value % 2 === 0, 'an even number')
  const schema = Type.Object({ one: even, many: Type.Optional(Type.Array(even)) })
  t.doesNotThrow(() => checkOptions(schema, { one: 2, many: [4] }, ''))
  t.throws(() => checkOptions(schema, { one: 3 }, ''), { message: /option one must be an even number, not 3/ })
  t.throws(() => checkOptions(schema, { one: 2, many: [4, 5] }, ''), { message: /option many\.1 must be an even number, not 5/ })
  t.throws(() => checkOptions(schema, {}, ''), { message: /option one is missing; it must be an even number/ })
})

t.test('withMethods finds inherited methods', async (t) => {
  class Store { take () {} }
  const schema = Type.Object({ store: withMethods(['take'], 'a store') })
  for (const store of [new Store(), { take () {} }, Object.create({ take () {} })]) checkOptions(schema, { store }, '')
  const patterns = collectRounds()
  for (const store of [{}, { take: 1 }, null, 'x', Store]) patterns.add(thrown(() => checkOptions(schema, { store }, '')), { message: /option store must be a store, not / })
  t.match(patterns.seen, patterns.expected)
})

t.test('a value in a message is short', async (t) => {
  const rounds = collectRounds()
  for (const [value, text] of [
    ['a', '"a"'], [1n, '1'], [undefined, 'undefined'], [() => 'secret', 'a function'], [null, 'null'], [NaN, 'NaN'], [Symbol('s'), 'Symbol(s)'], [[], 'an array of 0'], [[1, 2], 'an array of 2'],
    [{}, 'an object with nothing in it'], [{ a: 1, b: 2 }, 'an object with a, b'], [new Date(NaN), 'a Date'], ['x'.repeat(100), `"${'x'.repeat(56)}…`], [Object.create(null), 'an object with nothing in it']
  ] as const) rounds.add(show(value), text)
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('nothing is authenticated again where nothing authenticates', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(accessContext)
  app.get('/', { schema: { security: [] } }, async (request) => await contextOf(app).reauthenticate(request))
  const answer = await app.inject('/')
  t.strictSame([answer.statusCode, answer.json().message], [500, 'fastify-latchkey: nothing authenticates requests here; register latchkey, or the auth plugin'])
})
