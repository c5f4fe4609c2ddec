import t, { type Test } from 'tap'
import { createApi, type Fetch } from '../../lib/console/element/api.js'
import { english } from '../../lib/console/element/strings.js'
import { createWebhookModel } from '../../lib/console/element/webhooks/model.js'
import { firstWebhookState } from '../../lib/console/element/webhooks/state.js'
import { endpointVerbs } from '../../lib/console/element/webhooks/verbs.js'
import { collectRounds } from '../helpers/collect.js'
import { fetchOf } from '../helpers/page-fetch.js'
import { ada } from '../helpers/settings.js'
import { until } from '../helpers/until.js'
import { startWebhookSettings } from '../helpers/webhook-settings.js'

const { create, test, change, rotate, disable, enable, remove, replay } = endpointVerbs

async function start (t: Test, pause?: () => Promise<void>) {
  const settings = await startWebhookSettings(t)
  const { app, hooks, clock } = settings
  const seen: string[] = []
  const send = fetchOf(app, seen)
  let fetch = send
  const model = createWebhookModel({
    api: createApi(() => ({ baseUrl: '/settings/webhooks', fetch: (...call) => fetch(...call), credentials: 'same-origin' })),
    clock: clock.now,
    strings: () => english,
    onChange () {},
    onMove () {},
    pause: pause ?? (() => until(async () => (await sent()).every(({ attempts }) => attempts.length > 0)))
  })
  /** What the server knows of deliveries to the endpoint whose details are open. */
  async function sent () {
    const { open } = model.state
    return open === undefined ? [] : (await hooks.deliveries('northwind', open)).deliveries
  }
  const between = (work: (...call: Parameters<Fetch>) => ReturnType<Fetch>) => { fetch = work }
  const urls = () => model.state.endpoints.map(({ url }) => new URL(url).pathname)
  const endpointAt = (path: string) => model.state.endpoints.find(({ url }) => url.endsWith(path))
  const outcomes = () => model.state.deliveries.list.map(({ attempts }) => attempts.map(({ outcome }) => outcome).join())
  return { ...settings, model, seen, send, between, urls, endpointAt, outcomes, sent }
}

t.test('nothing can be done before it is known who asks, or without an endpoint that is open', async (t) => {
  const { model } = await start(t)
  await model.refresh()
  await model.openForm(test)
  await model.showDeliveries('failed')
  await model.moreDeliveries()
  t.same(model.state, firstWebhookState)
})

t.test('who asks and the endpoints of a place are loaded; whoever switches twice sees the last', async (t) => {
  const { model, hooks, add, receiver, urls, send, between, host } = await start(t)
  await add('/ok')
  await hooks.create('contoso', { url: receiver.url('/other'), environment: 'production' })
  await model.load()
  t.match(model.state, { busy: false, caller: { owner: 'Ada Okafor', may: { write: true, manage: true } } })
  t.same(urls(), ['/ok'])
  const rounds = collectRounds()
  for (const slow of ['/caller', '/webhooks?workspace=northwind']) {
    let release = () => {}
    between(async (url, init) => {
      if (url.includes(slow) && url.includes('northwind')) await new Promise<void>((resolve) => { release = resolve })
      return await send(url, init)
    })
    const first = model.go({ workspace: 'northwind' })
    await new Promise((resolve) => setImmediate(resolve))
    await model.go({ workspace: 'contoso' })
    release()
    await first
    rounds.add(urls(), ['/other'])
    between(send)
  }
  t.strictSame(rounds.seen, rounds.expected)
  host.isDown = true
  await model.load()
  t.match(model.state, { busy: false, trouble: { kind: 'outage' }, endpoints: [] })
  host.person = null
  await model.load()
  t.match(model.state, { busy: false, trouble: { kind: 'signed-out' } })
})

t.test('a refresh sees what happened meanwhile, speaks of a sign-out alone, and is dropped where a change or a switch overtook it', async (t) => {
  const { model, add, urls, host, send, between } = await start(t)
  await model.load()
  await add('/of-a-colleague')
  await model.refresh()
  t.same(urls(), ['/of-a-colleague'])
  host.isDown = true
  await model.refresh()
  t.equal(model.state.trouble, undefined)
  host.isDown = false
  host.person = null
  await model.refresh()
  t.match(model.state, { trouble: { kind: 'signed-out' } })
  host.person = ada
  const rounds = collectRounds()
  for (const [overtake, expected] of [
    [() => model.openForm(remove, model.state.endpoints[0]).then(() => model.edit({ texts: { confirmation: new URL(model.state.endpoints[0]?.url ?? '').host } })).then(() => model.submit()), []],
    [() => model.go({ environment: 'sandbox' }), []]
  ] as const) {
    let release: (() => void) | undefined
    between(async (url, init) => {
      const answer = await send(url, init)
      await new Promise<void>((resolve) => { release = resolve })
      return answer
    })
    const refreshed = model.refresh()
    await until(() => release !== undefined)
    between(send)
    await overtake()
    release?.()
    await refreshed
    rounds.add(urls(), expected)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('an endpoint that is added shows its secret once, receives a test, and what came of it is shown', async (t) => {
  const { model, receiver, outcomes, urls, seen } = await start(t)
  await model.load()
  await model.openForm(create)
  await model.submit()
  t.match(model.state.form, { tried: true, busy: false })
  model.edit({ texts: { url: receiver.url('/ok'), description: 'Ours' } })
  await model.submit()
  t.match(model.state, { form: undefined, message: `${receiver.url('/ok')} was added.`, secret: { name: receiver.url('/ok'), secret: /^whsec_/, copied: 'no' } })
  const { secret = '' } = model.state.secret ?? {}
  model.setSecret(undefined)
  t.notMatch(JSON.stringify(model.state) + seen.join(), secret)
  t.same(urls(), ['/ok'])

  await model.openForm(test, model.state.endpoints[0])
  t.match(model.state, { form: undefined, open: model.state.endpoints[0]?.id, message: `A test was sent to ${receiver.url('/ok')}.` })
  t.same(outcomes(), ['delivered'])
  await model.openForm(replay, model.state.endpoints[0], model.state.deliveries.list[0]?.id)
  t.same(outcomes(), ['delivered', 'delivered'])
  t.equal((await receiver.count(2)).length, 2)
  t.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1, 'a replay has the same id')
})

t.test('one that is added for another environment is shown there', async (t) => {
  const { model, receiver, urls } = await start(t)
  await model.load()
  await model.openForm(create)
  model.edit({ texts: { url: receiver.url('/try'), environment: 'sandbox' } })
  await model.submit()
  t.match(model.state, { caller: { environment: 'sandbox' }, secret: { secret: /^whsec_/ } })
  t.same(urls(), ['/try'])
})

t.test('changes show what the server answered: changed, rotated, disabled, enabled, deleted', async (t) => {
  const { model, add, receiver, urls, endpointAt, hooks } = await start(t)
  await add('/other')
  const { id } = await add('/ok', { events: ['key.issued'] })
  await model.load()
  const messages: string[] = []
  const done = async (verb: Parameters<typeof model.openForm>[0], texts: Record<string, string> = {}, chosen?: readonly string[]) => {
    await model.openForm(verb, model.state.endpoints.find((one) => one.id === id))
    model.edit({ texts, ...chosen && { chosen } })
    if (model.state.form !== undefined) await model.submit()
    messages.push(model.state.message.replace(/^https\S+(?=\/)/, ''))
  }
  await model.toggleDetails(id)
  await done(change, { url: receiver.url('/moved'), which: 'some' }, ['key.revoked'])
  t.match(endpointAt('/moved'), { events: ['key.revoked'], version: 2 })
  await done(rotate, { grace: 'hour' })
  t.equal(endpointAt('/moved')?.secrets.length, 2)
  model.setSecret(undefined)
  await done(disable)
  t.match(endpointAt('/moved'), { enabled: false, disabledReason: 'requested' })
  await done(enable)
  t.match(endpointAt('/moved'), { enabled: true })
  t.equal(model.state.open, id)
  await done(remove, { confirmation: new URL(receiver.url()).host })
  t.same(messages, ['/moved was changed.', '/moved has a new secret.', '/moved is disabled.', '/moved is enabled.', '/moved was deleted.'])
  t.same(urls(), ['/other'])
  t.equal(model.state.open, undefined)
  t.equal((await hooks.list('northwind')).length, 1)
})

t.test('a conflict keeps what was typed and shows the endpoint as it is now; what is refused otherwise is called so', async (t) => {
  const { model, add, hooks, host, receiver } = await start(t)
  const { id } = await add('/ok')
  await model.load()
  await model.openForm(change, model.state.endpoints[0])
  model.edit({ texts: { description: 'mine' } })
  await hooks.update('northwind', id, { description: 'of a colleague' })
  await model.submit()
  t.match(model.state, { endpoints: [{ description: 'of a colleague' }], form: { busy: false, record: { version: 2 }, draft: { texts: { description: 'mine' } }, trouble: { kind: 'conflict' } } })
  await model.submit()
  t.match(model.state, { form: undefined, endpoints: [{ description: 'mine' }] })

  const before = model.state.endpoints[0]
  host.isDown = true
  await model.openForm(test, before)
  t.match(model.state.form, { busy: false, trouble: { kind: 'outage' }, record: { version: 3 } })
  model.closeForm()
  host.isDown = false
  for (let i = 1; i < 20; i++) await add(`/${i}`)
  await model.openForm(create)
  model.edit({ texts: { url: receiver.url('/21') } })
  await model.submit()
  t.match(model.state.form, { trouble: { kind: 'refused', detail: 'The workspace has 20 endpoints already; remove one first.' } })
  t.equal(model.state.endpoints.length, 20)
  const sent = model.submit()
  await model.openForm(test, before)
  t.match(model.state.form, { verb: create, busy: true }, 'one thing at a time')
  await sent

  model.closeForm()
  await hooks.remove('northwind', id)
  await model.toggleDetails(id)
  t.match(model.state.deliveries, { busy: false, trouble: { kind: 'missing' } })
  await model.openForm(test, before)
  t.match(model.state, { form: { trouble: { kind: 'missing' } }, open: undefined })
  t.equal(model.state.endpoints.length, 19)
})

t.test('deliveries come by pages and by state; a refresh puts news first and keeps what was read', async (t) => {
  const { model, add, hooks, sent, receiver, clock, outcomes } = await start(t)
  const { id } = await add('/ok')
  for (let i = 0; i < 25; i++) {
    clock.advance(1)
    await hooks.test('northwind', id)
  }
  await receiver.count(25)
  await model.load()
  await model.toggleDetails(id)
  await until(async () => (await sent()).every(({ state }) => state === 'delivered'))
  t.equal(model.state.deliveries.list.length, 20)
  await model.moreDeliveries()
  t.match(model.state.deliveries, { next: undefined, busy: false })
  t.equal(model.state.deliveries.list.length, 25)
  clock.advance(1)
  await hooks.update('northwind', id, { url: receiver.url('/broken') })
  await hooks.test('northwind', id)
  await until(async () => (await sent())[0]?.state === 'failed')
  await model.refresh()
  t.same([outcomes().length, outcomes()[0], model.state.deliveries.next], [26, 'refused', undefined])
  await model.showDeliveries('failed')
  t.same(outcomes(), ['refused'])
  await model.showDeliveries('pending')
  t.same(outcomes(), [])
  const late = model.showDeliveries('all')
  await model.showDeliveries('failed')
  await late
  t.same([outcomes(), model.state.deliveries.only], [['refused'], 'failed'], 'an answer for another choice is dropped')
  await model.openForm(test, model.state.endpoints[0])
  t.equal(model.state.deliveries.only, 'all', 'what was just sent is always shown')
  await model.toggleDetails(id)
  t.equal(model.state.open, undefined)
})

t.test('what was just sent is watched for half a minute, and no longer than its details are open', async (t) => {
  let close = () => {}
  const { model, add, receiver } = await start(t, async () => { close() })
  await add('/silent')
  await model.load()
  await model.openForm(test, model.state.endpoints[0])
  t.match(model.state.deliveries.list, [{ state: 'pending', attempts: [] }])
  close = () => { model.toggleDetails(String(model.state.open)) }
  await model.openForm(test, model.state.endpoints[0])
  t.equal(model.state.open, undefined)
  t.equal((await receiver.count(2)).length, 2)
})
