import t, { type Test } from 'tap'
import { createApi, type Fetch } from '../../lib/console/element/api.js'
import { createModel } from '../../lib/console/element/model.js'
import { english } from '../../lib/console/element/strings.js'
import { totalsOf } from '../../lib/console/element/usage/usage.js'
import { createUsageModel } from '../../lib/console/element/usage/model.js'
import { fetchOf } from '../helpers/page-fetch.js'
import { startSettings } from '../helpers/settings.js'
import { usageCounts } from '../helpers/usage-counts.js'

t.setTimeout(30_000)

/** The models as the element has them, over a host that counts; `settle` waits for what was asked. */
async function start (t: Test, isCounting = true) {
  const counts = usageCounts()
  const settings = await startSettings(t, isCounting ? { access: { usage: { store: counts.store } } } : {})
  const seen: string[] = []
  const waiting = new Set<Promise<unknown>>()
  const send = fetchOf(settings.app)
  let between = send
  const fetch: Fetch = (url, init) => {
    if (url.includes('/usage')) seen.push(url.slice('/settings/api-keys'.length))
    const answer = between(url, init)
    waiting.add(answer)
    answer.finally(() => waiting.delete(answer))
    return answer
  }
  const api = createApi(() => ({ baseUrl: '/settings/api-keys', fetch, credentials: 'same-origin' }))
  const clock = settings.clock.now
  const usage = createUsageModel({ api, clock, onChange () {} })
  const model = createModel({ api, clock, strings: () => english, onChange: (state) => usage.follow(state), onMove () {} })

  async function settle (): Promise<void> {
    while (waiting.size > 0) {
      await Promise.all(waiting)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  return {
    ...settings,
    model,
    usage,
    counts,
    seen,
    settle,
    /** Ids of the keys that each request to the list's usage named. */
    asked: () => seen.flatMap((url) => new URLSearchParams(url.split('?')[1]).get('keys') ?? []).map((keys) => keys.split(',')),
    put: (work: (send: Fetch) => Fetch) => { between = work(send) }
  }
}

t.test('where the server counts nothing, nothing is asked for', async (t) => {
  const { model, usage, issue, seen, settle } = await start(t, false)
  const { key } = await issue()
  await model.load()
  model.toggleDetails(key.id)
  await usage.refresh()
  await settle()
  t.same(seen, [])
})

t.test('one request asks for all keys that are shown, once; further ones for those that come', async (t) => {
  const { model, usage, issue, keys, counts, clock, asked, settle } = await start(t)
  const used = await issue({ name: 'used' })
  for (let i = 0; i < 119; i++) {
    clock.advance(0.001)
    await issue({ name: `key ${i}` })
  }
  const ended = await issue({ name: 'ended' })
  await keys.revoke('northwind', ended.key.id)
  counts.add(clock.now(), used.key, [[0, 'ADMITTED', 3], [30, 'ADMITTED', 4], [30, 'RATE_LIMITED', 1], [400, 'ADMITTED', 9]])
  await model.load()
  await settle()
  usage.follow(model.state)
  t.same(asked().map(({ length }) => length), [50])
  await model.filter({ text: 'used' })
  await settle()
  t.same(asked().slice(1), [[used.key.id]])
  t.same(totalsOf(usage.state.keys.get(used.key.id) ?? []), { admitted: 7, limited: 1, refused: 0 }, 'of seven days')
  t.equal(usage.state.keys.get(used.key.id)?.length, 7)
  t.same([...usage.state.keys.values()].filter((bars) => totalsOf(bars).admitted === 0).length, 50, 'those without requests too')
  await model.filter({ text: '' })
  await model.more()
  await model.filter({ list: 'ended' })
  await settle()
  t.same(asked().slice(2).map(({ length }) => length), [50])
  t.equal(usage.state.keys.size, 101)
  await model.filter({ list: 'live' })
  await model.more()
  await model.more()
  await usage.refresh()
  await settle()
  t.same(asked().slice(3).map(({ length }) => length), [19, 100, 20], 'at most a hundred at once')
})

t.test('an outage of the usage store leaves the list as it is, and is not tried again by itself', async (t) => {
  const { model, usage, issue, counts, seen, settle } = await start(t)
  const { key } = await issue({ name: 'CRM' })
  counts.state.isDown = true
  await model.load()
  await settle()
  t.match(model.state, { trouble: undefined, busy: false, keys: [{ name: 'CRM' }] })
  t.match(usage.state, { listTrouble: { kind: 'outage' }, keys: new Map() })
  model.toggleDetails(key.id)
  await settle()
  t.match(usage.state, { trouble: { kind: 'outage' }, chart: undefined })
  t.equal(seen.length, 2)
  counts.state.isDown = false
  await Promise.all([usage.loadList(), usage.loadChart()])
  t.match(usage.state, { listTrouble: undefined, trouble: undefined, chart: { by: 'hour', buckets: [], limits: [] } })
  t.equal(usage.state.keys.size, 1)
})

t.test('details ask for the time that was chosen; an answer that was overtaken is dropped', async (t) => {
  const { model, usage, issue, counts, clock, seen, settle, put } = await start(t)
  const [one, other] = [await issue({ name: 'one' }), await issue({ name: 'other' })]
  counts.add(clock.now(), one.key, [[1, 'ADMITTED', 5], [1, 'INSUFFICIENT_SCOPE', 2], [100, 'ADMITTED', 7]])
  await model.load()
  model.toggleDetails(one.key.id)
  await settle()
  t.match(usage.state.chart, { by: 'hour', buckets: [{ at: '2026-12-01T08:00:00.000Z', admitted: 5, limited: 0, refused: { INSUFFICIENT_SCOPE: 2 } }] })
  usage.point(3)
  usage.point(3)
  t.equal(usage.state.pointed, 3)
  await usage.choose('month')
  t.match(usage.state, { range: 'month', pointed: undefined, chart: { by: 'day', buckets: [{ admitted: 7 }, { admitted: 5 }] } })
  t.equal(seen.at(-1), `/${one.key.id}/usage?workspace=northwind&environment=production&by=day&from=2026-11-02T00%3A00%3A00.000Z&to=2026-12-02T00%3A00%3A00.000Z`)

  let release = () => {}
  put((send) => async (url, init) => {
    if (url.includes(`/${one.key.id}/`)) await new Promise<void>((resolve) => { release = resolve })
    return await send(url, init)
  })
  const slow = usage.refresh()
  t.ok(usage.state.chart, 'what is there stays until the answer comes')
  model.toggleDetails(other.key.id)
  t.equal(usage.state.chart, undefined)
  release()
  await slow
  await settle()
  t.match(usage.state.chart, { by: 'day', buckets: [] })
  model.toggleDetails(other.key.id)
  t.match(usage.state, { chart: undefined, range: 'month' })
})

t.test('another workspace begins anew, and drops what is asked for the one before', async (t) => {
  const { model, usage, issue, asked, settle, put } = await start(t)
  const here = await issue({ name: 'here' })
  const there = await issue({ name: 'there', workspace: 'contoso' })
  let release = () => {}
  put((send) => async (url, init) => {
    if (url.includes(here.key.id)) await new Promise<void>((resolve) => { release = resolve })
    return await send(url, init)
  })
  await model.load()
  await model.go({ workspace: 'contoso' })
  release()
  await settle()
  t.same([...usage.state.keys.keys()], [there.key.id])
  t.same(asked(), [[here.key.id], [there.key.id]])
})
