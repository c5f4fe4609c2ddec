import { html, nothing, type TemplateResult } from 'lit'
import type { KeyView } from '../../../../management/index.js'
import { barsPath, BOX, gapOf } from '../../usage/chart.js'
import { requestsOf, totalsOf } from '../../usage/usage.js'
import { say, type View } from '../view.js'
import { countsWords } from './words.js'

/** The last days of a key at a glance: what was admitted, and on top of it what was not. */
export function sparklineView (view: View, { id }: KeyView): TemplateResult | typeof nothing {
  const bars = view.usage.state.keys.get(id)
  if (bars === undefined) return nothing
  const totals = totalsOf(bars)
  const { admitted, limited, refused } = totals
  const compact = new Intl.NumberFormat(view.reading.locale, { notation: 'compact' })
  const top = Math.max(1, ...bars.map(requestsOf))
  const gap = gapOf(bars.length)
  const admittedPath = barsPath(bars.map((bar) => ({ from: 0, to: bar.admitted })), top, gap)
  const othersPath = barsPath(bars.map((bar) => ({ from: bar.admitted, to: requestsOf(bar) })), top, gap)
  const notes = [['sparkLimited', limited], ['sparkRefused', refused]] as const
  return html`
    <span class="spark" title=${countsWords(view, totals)}>
      <svg viewBox="0 0 ${bars.length} ${BOX}" preserveAspectRatio="none" aria-hidden="true">
        <path class="admitted" d=${admittedPath}/><path class="limited" d=${othersPath}/>
      </svg>
      <span aria-hidden="true">${compact.format(admitted)}</span>
      ${notes.filter(([, count]) => count > 0).map(([name, count]) =>
        html`<span class="muted note" aria-hidden="true">${say(view, name, { count: compact.format(count) })}</span>`)}
      <span class="hidden">${countsWords(view, totals)}</span>
    </span>`
}
