import t, { type Test } from 'tap'
import { createApi, type Fetch } from '../../lib/console/element/api.js'
import { createModel } from '../../lib/console/element/model.js'
import { urlAt } from '../../lib/console/element/places.js'
import { SHOWN } from '../../lib/console/element/state.js'
import { english } from '../../lib/console/element/strings.js'
import { verbs } from '../../lib/console/element/verbs.js'
import { collectRounds } from '../helpers/collect.js'
import { fetchOf } from '../helpers/page-fetch.js'
import { ada, startSettings } from '../helpers/settings.js'

async function start (t: Test, options: Parameters<typeof startSettings>[1] = {}) {
  const settings = await startSettings(t, options)
  const seen: string[] = []
  const send = fetchOf(settings.app, seen)
  let fetch = send
  const moves: object[] = []
  const model = createModel({
    api: createApi(() => ({ baseUrl: '/settings/api-keys/', fetch: (...call) => fetch(...call), credentials: 'same-origin' })),
    clock: settings.clock.now,
    strings: () => english,
    onChange () {},
    onMove: (place) => { moves.push(place) }
  })
  const names = () => model.state.keys.map(({ name }) => name)
  const keyNamed = (name: string) => model.state.keys.find((key) => key.name === name)
  /** Puts something between the browser and the host. */
  const between = (work: (...call: Parameters<Fetch>) => ReturnType<Fetch>) => { fetch = work }
  return { ...settings, model, moves, seen, send, names, keyNamed, between }
}

t.test('nothing can be done before it is known who asks', async (t) => {
  const { model } = await start(t)
  await model.refresh()
  model.openForm(verbs.create)
  await model.submit()
  model.edit({ texts: { name: 'x' } })
  model.setSecret({ copied: 'yes' })
  t.same(model.state, { keys: [], busy: true, filter: { text: '', list: 'live', only: 'all' }, shown: SHOWN, message: '', secret: undefined })
})

t.test('who asks and its keys are loaded, those of another workspace and environment when asked for', async (t) => {
  const { model, names, issue, seen } = await start(t)
  await issue({ name: 'one' })
  await issue({ name: 'other', workspace: 'contoso' })
  await issue({ name: 'try', environment: 'sandbox' })
  await model.load()
  t.match(model.state, { busy: false, caller: { owner: 'Ada Okafor', workspace: 'northwind', environment: 'production' } })
  t.same(names(), ['one'])
  await model.go({ workspace: 'contoso' })
  t.same(names(), ['other'])
  t.equal(model.state.caller?.workspace, 'contoso')
  await model.go({ workspace: 'northwind', environment: 'sandbox' })
  t.same(names(), ['try'])
  t.same(seen.slice(-2), [
    'GET /settings/api-keys/caller?workspace=northwind&environment=sandbox',
    'GET /settings/api-keys?workspace=northwind&environment=sandbox&limit=200'
  ])
})

t.test('a place that a person chooses is told to the page; one where nobody may act any more leads to that of the server', async (t) => {
  const { model, moves, names, issue, seen } = await start(t)
  await issue({ name: 'one' })
  await model.load()
  t.same(moves, [], 'not what the server says by itself')
  await model.go({ environment: 'sandbox' })
  t.same(moves, [{ workspace: 'northwind', environment: 'sandbox' }])
  await model.go({ workspace: 'left', environment: undefined })
  t.same(moves.slice(1), [{ workspace: 'left', environment: undefined }, {}])
  t.same(names(), ['one'])
  t.same(seen.slice(-3), ['GET /settings/api-keys/caller?workspace=left', 'GET /settings/api-keys/caller', 'GET /settings/api-keys?workspace=northwind&environment=production&limit=200'])
})

t.test('the URL of a page names a place, and keeps what else it says', async (t) => {
  const page = 'https://host.example/settings/?tab=webhooks'
  const there = urlAt(page, { workspace: 'a b', environment: 'sandbox' })
  t.equal(there, `${page}&workspace=a+b&environment=sandbox`)
  t.equal(urlAt(there, { workspace: 'c' }), `${page}&workspace=c`)
  t.equal(urlAt(there, {}), page)
})

t.test('whoever switches twice sees the last, whichever answer comes first', async (t) => {
  const { model, names, issue, send, between } = await start(t)
  await issue({ name: 'one' })
  await issue({ name: 'other', workspace: 'contoso' })
  const rounds = collectRounds()
  for (const slow of ['/caller', '?workspace=northwind&environment=production&limit']) {
    await model.load()
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
    rounds.add(names(), ['other'])
    between(send)
  }
  t.strictSame(rounds.seen, rounds.expected)
})

t.test('pages of thousands come as they are needed; a search reads on until it has enough', async (t) => {
  const { model, issue, seen } = await start(t)
  await issue({ name: 'needle' })
  for (let i = 0; i < 450; i++) await issue({ name: `key ${i}` })
  await model.load()
  t.equal(seen.length, 2, 'one page is enough at first')
  t.equal(model.state.keys.length, 200)
  await Promise.all([model.filter({ text: 'needle' }), model.more()])
  t.equal(model.state.keys.length, 451)
  t.match(model.state, { next: undefined, busy: false, filter: { text: 'needle' } })
  t.equal(seen.length, 4)
  await model.filter({ text: '' })
  t.equal(model.state.shown, SHOWN)
  await model.more()
  t.equal(model.state.shown, 2 * SHOWN)
  t.equal(new Set(model.state.keys.map(({ id }) => id)).size, 451)
})

t.test('an outage while a search reads on keeps what is there, and can be tried again', async (t) => {
  const { model, issue, host } = await start(t)
  for (let i = 0; i < 201; i++) await issue({ name: `key ${i}` })
  await model.load()
  host.isDown = true
  await model.filter({ text: 'nowhere' })
  t.match(model.state, { busy: false, trouble: { kind: 'outage' } })
  t.equal(model.state.keys.length, 200)
  host.isDown = false
  await model.more()
  t.match(model.state, { busy: false, trouble: undefined })
  t.equal(model.state.keys.length, 201)
})

t.test('whoever is signed out, or finds no server, reads so; a refresh in the back speaks of a sign-out alone', async (t) => {
  const { model, host, between, send, issue, names } = await start(t)
  host.person = null
  await model.load()
  t.match(model.state, { busy: false, trouble: { kind: 'signed-out' } })
  host.person = ada
  between(async () => { throw new TypeError('Failed to fetch') })
  await model.load()
  t.match(model.state, { trouble: { kind: 'offline' } })
  between(send)
  await model.load()
  t.equal(model.state.trouble, undefined)
  await issue({ name: 'of a colleague' })
  await model.refresh()
  t.same(names(), ['of a colleague'])
  host.isDown = true
  await model.refresh()
  t.equal(model.state.trouble, undefined)
  host.isDown = false
  host.person = null
  await model.refresh()
  t.match(model.state, { trouble: { kind: 'signed-out' } })
})

t.test('a refresh that was overtaken by a switch is dropped', async (t) => {
  const { model, names, issue, send, between } = await start(t)
  await issue({ name: 'one' })
  await model.load()
  let release = () => {}
  between(async (url, init) => {
    if (url.includes('northwind')) await new Promise<void>((resolve) => { release = resolve })
    return await send(url, init)
  })
  const refreshed = model.refresh()
  await model.go({ workspace: 'contoso' })
  release()
  await refreshed
  t.same(names(), [])
})

t.test('a form that is not right is not sent; one that is shows a secret once, and nothing keeps it', async (t) => {
  const { model, seen, inject } = await start(t)
  await model.load()
  model.openForm(verbs.create)
  const before = seen.length
  await model.submit()
  t.match(model.state, { form: { tried: true, busy: false } })
  t.equal(seen.length, before)
  model.edit({ texts: { name: 'CRM' } })
  model.edit({ chosen: ['devices:read'] })
  t.match(model.state, { form: { draft: { texts: { name: 'CRM', expiry: 'never' }, chosen: ['devices:read'] } } })
  const sent = model.submit()
  await model.submit()
  await sent
  t.equal(seen.length, before + 1, 'once')
  t.match(model.state, { form: undefined, message: 'CRM was created.', secret: { name: 'CRM', copied: 'no', leaving: false } })
  const { secret = '' } = model.state.secret ?? {}
  t.equal((await inject(secret)).statusCode, 200)
  model.setSecret({ copied: 'yes' })
  t.match(model.state.secret, { secret, copied: 'yes' })
  model.setSecret(undefined)
  t.notMatch(JSON.stringify(model.state), secret)
  t.notMatch(seen.join(), secret)
})

t.test('a key that was made for another environment is shown there', async (t) => {
  const { model, names } = await start(t)
  await model.load()
  model.openForm(verbs.create)
  model.edit({ texts: { name: 'try', environment: 'sandbox' }, chosen: ['devices:read'] })
  await model.submit()
  t.equal(model.state.caller?.environment, 'sandbox')
  t.same(names(), ['try'])
  t.match(model.state.secret?.secret, /^acme_test_/)
})

t.test('a conflict keeps what was typed, shows the key as it is now, and the next attempt succeeds', async (t) => {
  const { model, issue, keys, keyNamed } = await start(t)
  const { key } = await issue({ name: 'CRM' })
  await model.load()
  model.openForm(verbs.rename, keyNamed('CRM'))
  model.edit({ texts: { name: 'CRM sync' } })
  await keys.update('northwind', key.id, { name: 'Sales' })
  await model.submit()
  t.match(model.state, { form: { busy: false, record: { name: 'Sales', version: 2 }, draft: { texts: { name: 'CRM sync' } }, trouble: { kind: 'conflict' } } })
  t.ok(keyNamed('Sales'))
  await model.submit()
  t.match(model.state, { form: undefined, message: 'The key is now called CRM sync.', secret: undefined })
})

t.test('without an answer nobody knows whether it happened, so what the server says now is shown', async (t) => {
  const { model, issue, keyNamed, between, send, names } = await start(t)
  await issue({ name: 'CRM' })
  await model.load()
  between(async (url, init) => {
    const answer = await send(url, init)
    if (init.method !== 'GET') throw new TypeError('Failed to fetch')
    return answer
  })
  model.openForm(verbs.revoke, keyNamed('CRM'))
  model.edit({ texts: { confirmation: 'CRM' } })
  await model.submit()
  t.match(model.state, { form: { busy: false, trouble: { kind: 'unsure' }, record: { status: 'revoked' } } })
  model.openForm(verbs.create)
  model.edit({ texts: { name: 'new' }, chosen: ['devices:read'] })
  await model.submit()
  t.match(model.state.form, { trouble: { kind: 'unsure' } })
  t.same(names().sort(), ['CRM', 'new'])
  model.closeForm()
  t.equal(model.state.form, undefined)
})

t.test('an outage, or a form that is closed meanwhile, leaves the key as it was', async (t) => {
  const { model, issue, keyNamed, host } = await start(t)
  await issue({ name: 'CRM' })
  await model.load()
  host.isDown = true
  model.openForm(verbs.rotate, keyNamed('CRM'))
  await model.submit()
  t.match(model.state.form, { trouble: { kind: 'outage' }, record: { name: 'CRM', version: 1 } })
  const sent = model.submit()
  model.closeForm()
  await sent
  t.equal(model.state.form, undefined)
})

t.test('a change that is not everywhere yet says when it will be', async (t) => {
  const { model, issue, keyNamed, between, send } = await start(t)
  await issue({ name: 'CRM' })
  await model.load()
  between(async (url, init) => {
    const { status, headers, text } = await send(url, init)
    return { status, headers, text: async () => (await text()).replace('"effectiveWithin":0', '"effectiveWithin":10') }
  })
  model.openForm(verbs.rename, keyNamed('CRM'))
  model.edit({ texts: { name: 'Sales' } })
  await model.submit()
  t.equal(model.state.message, 'The key is now called Sales. In every process within 10 seconds.')
})

t.test('details are open for one key at a time', async (t) => {
  const { model } = await start(t)
  const opened = ['a', 'b', 'b'].map((id) => {
    model.toggleDetails(id)
    return model.state.open
  })
  t.same(opened, ['a', 'b', undefined])
})

t.test('an answer without a body is an answer', async (t) => {
  const api = createApi(() => ({ baseUrl: '', credentials: 'include', fetch: async () => ({ status: 204, headers: new Headers(), text: async () => '' }) }))
  t.same(await api.ask('DELETE', '/x', {}), { ok: true, value: undefined })
})
