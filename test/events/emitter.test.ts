import t from 'tap'
import type { AccessEvent } from 'fastify-latchkey/events'
import { createEmitter } from '../../lib/events/emitter.js'
import { issued, revoked } from '../helpers/events.js'

function emitter (deadline = 1) {
  const logged: string[] = []
  return { logged, ...createEmitter({ deadline, log: (reason, message) => logged.push(`${message}: ${reason}`) }) }
}

t.test('a listener is called for the type that it names, for several, or for all', async (t) => {
  const { on, onDurable, emit } = emitter()
  const called: string[] = []
  on('key.issued', ({ data }) => { called.push(`one ${data.key.id}`) })
  on(['key.revoked', 'key.expired'], ({ type }) => { called.push(`several ${type}`) })
  on('*', ({ type }) => { called.push(`all ${type}`) })
  onDurable(({ type }) => { called.push(`durable ${type}`) })
  t.equal(await emit(issued('key_1')), true)
  t.equal(await emit(revoked('key_2')), true)
  t.same(called, ['one key_1', 'all key.issued', 'durable key.issued', 'several key.revoked', 'all key.revoked', 'durable key.revoked'])
})

t.test('a listener that has unsubscribed is called no more, and without listeners an event is emitted at once', async (t) => {
  const { on, onDurable, emit, hasListeners } = emitter()
  const called: string[] = []
  const unsubscribe = on('key.issued', ({ id }) => { called.push(id) })
  const unsubscribeDurable = onDurable(({ id }) => { called.push(id) })
  t.same([hasListeners('key.issued'), hasListeners('key.revoked')], [true, true], 'a durable listener takes all types')
  unsubscribeDurable()
  t.same([hasListeners('key.issued'), hasListeners('key.revoked')], [true, false])
  unsubscribe()
  t.equal(hasListeners('key.issued'), false)
  t.equal(await emit(issued('key_1')), true)
  t.same(called, [])
})

t.test('listeners run after the caller of emit, and one that never ends delays nobody', async (t) => {
  const { on, emit } = emitter()
  const called: string[] = []
  on('*', () => new Promise(() => {}))
  on('*', () => { called.push('other') })
  const emitted = emit(issued('key_1'))
  await Promise.resolve()
  t.same(called, [])
  t.equal(await emitted, true)
  t.same(called, ['other'])
})

t.test('what a listener throws or rejects with is logged without its message, and the others are called', async (t) => {
  const { on, emit, logged } = emitter()
  let calls = 0
  on('*', () => { throw new TypeError('secret-word') })
  on('key.issued', async () => { throw new RangeError('secret-word') })
  on('*', () => { calls++ })
  t.equal(await emit(issued('key_1')), true, 'they are not durable')
  await new Promise(setImmediate)
  t.equal(calls, 1)
  t.same(logged, ['a listener of key.issued failed: TypeError', 'a listener of key.issued failed: RangeError'])
})

t.test('emit resolves once all durable listeners have fulfilled', async (t) => {
  const { onDurable, emit, logged } = emitter()
  let release = (): void => {}
  onDurable(() => new Promise<void>((resolve) => { release = resolve }))
  onDurable(() => {})
  let stored: boolean | undefined
  const emitted = emit(issued('key_1')).then((answer) => { stored = answer })
  await new Promise(setImmediate)
  await new Promise(setImmediate)
  t.equal(stored, undefined)
  release()
  await emitted
  t.equal(stored, true)
  t.same(logged, [])
})

t.test('a durable listener that fails, or takes too long, has not stored the event', async (t) => {
  const failures: ReadonlyArray<[string, () => void | Promise<void>]> = [
    ['TypeError', () => { throw new TypeError('secret-word') }],
    ['TypeError', async () => { throw new TypeError('secret-word') }],
    ['DeadlineExceeded', () => new Promise(() => {})]
  ]
  const answers: unknown[] = []
  for (const [reason, listener] of failures) {
    const { onDurable, emit, logged } = emitter(0.01)
    onDurable(() => {})
    onDurable(listener)
    answers.push([reason, await emit(issued('key_1')), logged])
  }
  t.same(answers, failures.map(([reason]) => [reason, false, [`a durable listener did not store key.issued evt_issued_key_1: ${reason}`]]))
})

t.test('no listener changes an event for the others', async (t) => {
  const { on, emit } = emitter()
  const received: AccessEvent[] = []
  on('*', (event) => { Reflect.set(event, 'workspace', 'other'); Reflect.set(event.data, 'key', {}) })
  on('key.issued', (event) => { Reflect.set(event.data.key, 'id', 'other') })
  on('*', (event) => { received.push(event) })
  await emit(issued('key_1'))
  t.same(received, [issued('key_1')])
})

t.test('it is idle once no durable listener runs', async (t) => {
  const { onDurable, emit, idle } = emitter()
  const stored: string[] = []
  onDurable(async (event) => {
    await new Promise(setImmediate)
    stored.push(event.type)
    if (event.type === 'key.issued') emit(revoked('key_1'))
  })
  await idle()
  emit(issued('key_1'))
  await idle()
  t.same(stored, ['key.issued', 'key.revoked'])
})
