import t from 'tap'
import type { AccessEvent } from 'fastify-latchkey/events'
import { createEmitter } from '../../lib/events/emitter.js'
import { issued, revoked } from '../helpers/events.js'

function emitter (deadline = 1) {
  const logged: string[] = []
  return { logged, ...createEmitter({ deadline, log: (reason, message) => logged.push(`${message}: ${reason}`) }) }
}

t.test('a listener hears of the type that it names, of several, or of all', async (t) => {
  const { on, onDurable: keep, emit } = emitter()
  const heard: string[] = []
  on('key.issued', ({ data }) => { heard.push(`one ${data.key.id}`) })
  on(['key.revoked', 'key.expired'], ({ type }) => { heard.push(`several ${type}`) })
  on('*', ({ type }) => { heard.push(`all ${type}`) })
  keep(({ type }) => { heard.push(`kept ${type}`) })
  t.equal(await emit(issued('key_1')), true)
  t.equal(await emit(revoked('key_2')), true)
  t.same(heard, ['one key_1', 'all key.issued', 'kept key.issued', 'several key.revoked', 'all key.revoked', 'kept key.revoked'])
})

t.test('who has ended hears no more, and who nobody hears is told at once', async (t) => {
  const { on, onDurable: keep, emit, hasListeners: hears } = emitter()
  const heard: string[] = []
  const ends = [on('key.issued', ({ id }) => { heard.push(id) }), keep(({ id }) => { heard.push(id) })]
  t.same([hears('key.issued'), hears('key.revoked')], [true, true], 'who keeps, keeps all')
  ends[1]?.()
  t.same([hears('key.issued'), hears('key.revoked')], [true, false])
  ends[0]?.()
  t.equal(hears('key.issued'), false)
  t.equal(await emit(issued('key_1')), true)
  t.same(heard, [])
})

t.test('listeners run after whoever tells, and one that never ends delays nobody', async (t) => {
  const { on, emit } = emitter()
  const heard: string[] = []
  on('*', () => new Promise(() => {}))
  on('*', () => { heard.push('heard') })
  const told = emit(issued('key_1'))
  await Promise.resolve()
  t.same(heard, [])
  t.equal(await told, true)
  t.same(heard, ['heard'])
})

t.test('what listeners throw or reject with is logged without its words, and the others hear all the same', async (t) => {
  const { on, emit, logged } = emitter()
  let heard = 0
  on('*', () => { throw new TypeError('secret-word') })
  on('key.issued', async () => { throw new RangeError('secret-word') })
  on('*', () => { heard++ })
  t.equal(await emit(issued('key_1')), true, 'they keep nothing')
  await new Promise(setImmediate)
  t.equal(heard, 1)
  t.same(logged, ['a listener of key.issued failed: TypeError', 'a listener of key.issued failed: RangeError'])
})

t.test('an event is kept once all keepers have it', async (t) => {
  const { onDurable: keep, emit, logged } = emitter()
  let release = (): void => {}
  keep(() => new Promise<void>((resolve) => { release = resolve }))
  keep(() => {})
  let kept: boolean | undefined
  const told = emit(issued('key_1')).then((answer) => { kept = answer })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.equal(kept, undefined)
  release()
  await told
  t.equal(kept, true)
  t.same(logged, [])
})

t.test('a keeper that fails, or takes too long, has not kept it', async (t) => {
  const failures: ReadonlyArray<() => void | Promise<void>> = [
    () => { throw new TypeError('secret-word') },
    async () => { throw new TypeError('secret-word') },
    () => new Promise(() => {})
  ]
  for (const [i, keeper] of failures.entries()) {
    const { onDurable: keep, emit, logged } = emitter(0.01)
    keep(() => {})
    keep(keeper)
    t.equal(await emit(issued('key_1')), false)
    t.same(logged, [`key.issued evt_issued_key_1 was not kept: ${i === 2 ? 'DeadlineExceeded' : 'TypeError'}`])
  }
})

t.test('nobody changes an event for the others', async (t) => {
  const { on, emit } = emitter()
  const heard: AccessEvent[] = []
  on('*', (event) => { Reflect.set(event, 'workspace', 'other'); Reflect.set(event.data, 'key', {}) })
  on('key.issued', (event) => { Reflect.set(event.data.key, 'id', 'other') })
  on('*', (event) => { heard.push(event) })
  await emit(issued('key_1'))
  t.same(heard, [issued('key_1')])
})

t.test('it is idle once everybody has been told', async (t) => {
  const { onDurable: keep, emit, idle } = emitter()
  const kept: string[] = []
  keep(async (event) => {
    await new Promise(setImmediate)
    kept.push(event.type)
    if (event.type === 'key.issued') emit(revoked('key_1'))
  })
  await idle()
  emit(issued('key_1'))
  await idle()
  t.same(kept, ['key.issued', 'key.revoked'])
})
