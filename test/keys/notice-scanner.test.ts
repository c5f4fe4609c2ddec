import { setImmediate as turn } from 'node:timers/promises'
import { createMemoryKeyStore, type KeyStore } from 'fastify-latchkey/keys'
import t from 'tap'
import { systemTimer } from '../../lib/events/scanner.js'
import { changed, newHash } from '../../lib/testing/key-store-drafts.js'
import { add, day, scanning } from '../helpers/notices.js'

t.test('the event is made once per key and threshold, by whichever process looks', async (t) => {
  const store = createMemoryKeyStore()
  const [one, other] = [scanning(store), scanning(store)]
  await add(store, { expiresAt: day(60) })
  const told = []
  for (const days of [0, 29, 30, 31, 53, 53, 58, 59, 60, 61, 90, 91]) told.push([...await one.look(day(days)), ...await other.look(day(days))].join())
  t.same(told.filter((one) => one !== ''), ['key.expiring 30', 'key.expiring 7', 'key.expiring 1', 'key.expired'])
})

t.test('key renewed or revoked before the notice is due: no stale notice', async (t) => {
  const { store, look } = scanning()
  const renewed = await add(store, { expiresAt: day(60) })
  const revoked = await add(store, { expiresAt: day(60) })
  const rotated = await add(store)
  t.same(await look(day(20)), [])
  await store.update(changed(renewed, { expiresAt: day(200) }))
  await store.update(changed(revoked, { revokedAt: day(20) }))
  await store.update(changed(rotated, { secrets: [...rotated.secrets, { generation: 2, hint: 'xyz0', createdAt: day(80) }] }), newHash())
  for (const days of [21, 30, 53, 59, 60, 89]) t.same(await look(day(days)), [])
  t.same(await look(day(90)), ['key.rotation_due'], 'of the renewed one')
  t.same((await look(day(170))).sort(), ['key.expiring 30', 'key.rotation_due'])
})

t.test('a process that was down makes up for it, with the last threshold that has passed', async (t) => {
  const { store, look } = scanning()
  await add(store, { expiresAt: day(60) })
  t.same(await look(day(54)), ['key.expiring 7'])
  t.same(await look(day(75)), ['key.expired'])
})

t.test('more keys than one look takes are all told of', async (t) => {
  const { store, told, time, scanner } = scanning()
  for (let i = 0; i < 250; i++) await add(store, { expiresAt: day(10) })
  time.now = day(10).getTime()
  await Promise.all([scanner.look(), scanner.look()])
  t.equal(new Set(told.map(({ id }) => id)).size, 250)
  t.equal(told.length, 250)
})

t.test('what nobody has kept is told again later, with the same id', async (t) => {
  let keeps = false
  const ids: string[] = []
  const { store, look, logged } = scanning(createMemoryKeyStore(), { async emit ({ id }) { ids.push(id); return keeps } })
  await add(store, { expiresAt: day(10) })
  await look(day(10))
  await look(new Date(day(10).getTime() + 30_000))
  t.equal(ids.length, 1, 'it is held')
  keeps = true
  await look(new Date(day(10).getTime() + 60_000))
  await look(day(11))
  t.equal(ids.length, 2)
  t.equal(new Set(ids).size, 1)
  t.same(logged, ['notices of keys could not be told; they are tried again: NotKept', 'notices of keys are told again'])
})

t.test('what could not be noted is not told a second time by the process that told it', async (t) => {
  const store = createMemoryKeyStore()
  const { notices } = store
  if (notices === undefined) throw new Error('no notices')
  let down = true
  const failing: KeyStore = { ...store, notices: { due: (...look) => notices.due(...look), settle (...end) { if (down) throw new Error('secret-word'); return notices.settle(...end) } } }
  const { look, logged } = scanning(failing)
  await add(store, { expiresAt: day(10) })
  t.same(await look(day(10)), ['key.expired'])
  down = false
  t.same(await look(day(10.01)), [])
  t.same(await look(day(11)), [])
  t.same(logged, ['notices of keys could not be told; they are tried again: Error', 'notices of keys are told again'])
})

t.test('whoever was held up for longer than its hold leaves the key to others', async (t) => {
  const store = createMemoryKeyStore()
  await add(store, { expiresAt: day(10) })
  let reads = 0
  const frozen = scanning(store, { clock: () => day(10).getTime() + (reads++ === 0 ? 0 : 60_000) })
  await frozen.scanner.look()
  t.same(frozen.told, [])
  t.same(frozen.logged, ['notices of keys could not be told; they are tried again: Late'])
  t.same(await scanning(store).look(day(11)), ['key.expired'])
})

t.test('a store that fails or hangs is logged once and asked again; a broken clock asks nobody', async (t) => {
  const store = createMemoryKeyStore()
  let answer = (): readonly never[] | Promise<readonly never[]> => { throw new Error('secret-word') }
  const { look, logged, scanner, time } = scanning({ ...store, notices: { due: () => answer(), settle: () => true } }, { deadline: 0.01 })
  await look(day(1))
  answer = () => new Promise(() => {})
  await look(day(2))
  answer = () => []
  await look(day(3))
  await look(day(4))
  time.now = NaN
  await scanner.look()
  t.same(logged, ['notices of keys could not be told; they are tried again: Error', 'notices of keys are told again', 'notices of keys could not be told; they are tried again: TypeError'])
})

t.test('while nobody listens nothing is looked for, and so nothing counts as told', async (t) => {
  let heard = false
  const { store, look } = scanning(createMemoryKeyStore(), { isHeard: () => heard })
  await add(store, { expiresAt: day(10) })
  t.same(await look(day(10)), [])
  heard = true
  t.same(await look(day(10)), ['key.expired'])
})

t.test('it looks as soon as it is started, and again and again until it is closed', async (t) => {
  const { store, scanner, timers, told, time } = scanning()
  const key = await add(store, { expiresAt: day(10) })
  scanner.start()
  t.equal(timers[0]?.seconds, 0)
  time.now = day(10).getTime()
  timers.shift()?.work()
  while (timers.length === 0) await turn()
  t.same(told.map(({ data }) => 'key' in data && data.key.id), [key.id])
  t.equal(timers[0]?.seconds, 30)
  await scanner.close()
  t.same(timers, [])
  await scanner.look()
})

t.test('to close is to wait for what is being told, and to begin nothing more', async (t) => {
  let release = (): void => {}
  const { store, scanner, timers, time } = scanning(createMemoryKeyStore(), { emit: () => new Promise<boolean>((resolve) => { release = () => resolve(true) }) })
  await add(store, { expiresAt: day(10) })
  time.now = day(10).getTime()
  scanner.start()
  timers.shift()?.work()
  await turn()
  let closed = false
  const closing = scanner.close().then(() => { closed = true })
  await turn()
  t.equal(closed, false)
  release()
  await closing
  t.same([timers, await scanning(store).look(day(11))], [[], []])
})

t.test('the timer of the system calls once, unless it is told to forget', async (t) => {
  const called: string[] = []
  await new Promise<void>((resolve) => {
    const held = setTimeout(() => {}, 60_000)
    systemTimer(() => { called.push('forgotten') }, 0)()
    systemTimer(() => { called.push('called'); clearTimeout(held); resolve() }, 0.001)
  })
  t.same(called, ['called'])
})
