import t from 'tap'
import { barsPath, barTime, gapOf, limitLineOf, scaleOf, ticksOf } from '../../lib/console/element/usage/chart.js'
import { barsOf, codesOf, latestUse, listRange, queryOf, rangeNames, ranges, requestsOf, totalsOf } from '../../lib/console/element/usage/usage.js'

const NOW = Date.UTC(2026, 11, 1, 9, 30)
/** As all versions of Node.js write it. */
const plain = (text: string) => text.replace(/\s/g, ' ').replaceAll(',', '')
const iso = (instant: number) => new Date(instant).toISOString()

t.test('a range ends with the hour or day that is not over yet, and has as many of them as it says', async (t) => {
  t.same(queryOf(ranges.day, NOW), { by: 'hour', from: '2026-11-30T10:00:00.000Z', to: '2026-12-01T10:00:00.000Z' })
  t.same(queryOf(ranges.month, NOW), { by: 'day', from: '2026-11-02T00:00:00.000Z', to: '2026-12-02T00:00:00.000Z' })
  t.same(queryOf(ranges.day, Date.UTC(2026, 11, 1, 9)).to, '2026-12-01T10:00:00.000Z', 'at the full hour too')
  t.same([...rangeNames.map((name) => ranges[name]), listRange].map((range) => barsOf({ ...queryOf(range, NOW), buckets: [] }).length), [24, 168, 30, 7])
})

t.test('hours without requests are empty bars; refusals are counted in all and by code', async (t) => {
  const bars = barsOf({
    by: 'hour',
    from: '2026-12-01T06:00:00.000Z',
    to: '2026-12-01T10:00:00.000Z',
    buckets: [
      { at: '2026-12-01T07:00:00.000Z', admitted: 12, limited: 1, refused: { INSUFFICIENT_SCOPE: 2, WRONG_ENVIRONMENT: 1 } },
      { at: '2026-12-01T09:00:00.000Z', admitted: 3, limited: 0, refused: { WRONG_ENVIRONMENT: 1, COST_ABOVE_QUOTA: 1, INSUFFICIENT_SCOPE: 3 } }
    ]
  })
  t.same(bars.map(({ at, admitted, limited, refused }) => [new Date(at).getUTCHours(), admitted, limited, refused]), [[6, 0, 0, 0], [7, 12, 1, 3], [8, 0, 0, 0], [9, 3, 0, 5]])
  t.same(totalsOf(bars), { admitted: 15, limited: 1, refused: 8 })
  t.equal(requestsOf(totalsOf(bars)), 24)
  t.same([latestUse(bars), latestUse(bars.map((bar) => ({ ...bar, admitted: 0 })))], [bars.findLast(({ admitted }) => admitted > 0)?.at, undefined])
  t.same(codesOf(bars), [['INSUFFICIENT_SCOPE', 5], ['WRONG_ENVIRONMENT', 2], ['COST_ABOVE_QUOTA', 1]])
  t.same(codesOf(bars.toReversed()).map(([code]) => code), codesOf(bars).map(([code]) => code))
  t.same(codesOf(barsOf({ by: 'day', from: iso(NOW), to: iso(NOW + 1), buckets: [{ at: iso(NOW), admitted: 0, limited: 0, refused: { B: 1, A: 1 } }] })), [['A', 1], ['B', 1]])
})

t.test('a scale ends at a round number', async (t) => {
  t.same([0, 1, 2, 7, 10, 11, 51, 99, 100, 104, 1000, 4321].map(scaleOf), [1, 1, 2, 8, 10, 12, 60, 100, 100, 120, 1000, 5000])
})

t.test('bars are one path; what is there is seen, however small, and what is not draws nothing', async (t) => {
  t.equal(barsPath([{ from: 0, to: 50 }, { from: 0, to: 0 }, { from: 0, to: 100 }], 100, 0.25), 'M0.13 100V50h0.75V100zM2.13 100V0h0.75V100z')
  t.equal(barsPath([{ from: 0, to: 1 }], 1000, 0), 'M0 100V96h1V100z', 'one of a thousand')
  t.equal(barsPath([{ from: 999, to: 1000 }], 1000, 0), 'M0 0.1V0h1V0.1z', 'on top of others, within the picture')
  t.same([7, 30, 168].map(gapOf), [0.25, 0.25, 0])
})

t.test('the line is the tightest limit that one bar can be compared with, where the picture has room for it', async (t) => {
  const [minute, hour, day] = [{ name: 'minute', quota: 2, window: 60 }, { name: 'hour', quota: 100, window: 3600 }, { name: 'day', quota: 10, window: 86_400 }] as const
  t.same(limitLineOf([minute, hour, day], 'hour', 90), { policy: hour, height: 100 }, 'all of a day\'s quota may be used in one hour')
  t.same(limitLineOf([minute, hour, day], 'day', 9), { policy: day, height: 10 })
  t.same(limitLineOf([minute], 'hour', 40), { policy: minute, height: 120 })
  t.equal(limitLineOf([minute], 'hour', 39), undefined, 'bars would be flat')
  t.equal(limitLineOf([day], 'hour', 9), undefined)
  t.equal(limitLineOf([], 'hour', 9), undefined, 'unlimited')
})

t.test('ticks are at round times of the reader; days are those of UTC', async (t) => {
  const ticks = (range: keyof typeof ranges, locale: string, timeZone: string) =>
    ticksOf(barsOf({ ...queryOf(ranges[range], NOW), buckets: [] }), ranges[range].by, locale, timeZone).map(({ x, label }) => plain(`${Math.round(x * 100)} ${label}`))
  t.same(ticks('day', 'en-GB', 'Europe/Berlin'), ['4 12:00', '29 18:00', '54 00:00', '79 06:00'])
  t.same(ticks('day', 'en', 'America/New_York'), ['4 6:00 AM', '29 12:00 PM', '54 6:00 PM', '79 12:00 AM'])
  t.same(ticks('day', 'en-GB', 'Asia/Kolkata'), ['13 18:30', '38 00:30', '63 06:30', '88 12:30'])
  t.same(ticks('week', 'en', 'Europe/Berlin'), ['8 Wed', '22 Thu', '36 Fri', '51 Sat', '65 Sun', '79 Mon'], 'none so near to the end that it has no room')
  t.same(ticks('month', 'en', 'America/New_York'), ['0 Nov 2', '23 Nov 9', '47 Nov 16', '70 Nov 23'])
})

t.test('when a bar is', async (t) => {
  const at = Date.UTC(2026, 10, 30, 23)
  t.equal(plain(barTime(at, 'hour', 'en-GB', 'Europe/Berlin')), 'Tue 1 Dec 00:00–01:00')
  t.equal(plain(barTime(at, 'day', 'en-GB', 'Europe/Berlin')), 'Mon 30 Nov')
})
