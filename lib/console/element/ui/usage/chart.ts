import { html, nothing, svg, type TemplateResult } from 'lit'
import { period } from '../../time-words.js'
import {
  barsPath, barTime, BOX, gapOf, limitLineOf, scaleOf, ticksOf, type LimitLine, type Tick
} from '../../usage/chart.js'
import {
  barsOf, lengths, outcomes, requestsOf, totalsOf, type Bar, type KeyUsage, type Outcome
} from '../../usage/usage.js'
import { say, type View } from '../view.js'
import { usageFacts } from './facts.js'
import { usageTable } from './table.js'
import { countsWords } from './words.js'

/**
 * A lane for each outcome, one under another and each with a scale of its own: three refusals are seen next to a
 * thousand requests that were admitted, and nobody has to tell colours apart.
 */
export function chartView (view: View, usage: KeyUsage): TemplateResult {
  const { reading: { locale }, usage: { state: { pointed } } } = view
  const bars = barsOf(usage)
  const totals = totalsOf(bars)
  const bar = pointed === undefined ? undefined : bars[pointed]
  const line = limitLineOf(usage.limits, usage.by, Math.max(...bars.map(({ admitted }) => admitted)))
  const words = countsWords(view, totals)
  const point = (event: PointerEvent) => view.usage.point(barAt(event, bars.length))
  const lanes = html`
    <div class="chart" role="img" aria-label=${words} @pointerdown=${point} @pointermove=${point}
      @pointerleave=${() => view.usage.point(undefined)}>
      ${outcomes.filter((outcome) => totals[outcome] > 0).map((outcome) =>
        laneView(view, outcome, { bars, pointed, line: outcome === 'admitted' ? line : undefined }))}
      <svg class="axis" aria-hidden="true">${ticksOf(bars, usage.by, locale).map(tickView)}</svg>
    </div>`
  return html`
    <p class="readout">
      <strong>${bar === undefined ? say(view, 'usageTotal') : barTime(bar.at, usage.by, locale)}</strong>
      ${bar === undefined ? words : countsWords(view, bar)}
    </p>
    ${requestsOf(totals) === 0 ? html`<p class="muted">${say(view, 'noRequests')}</p>` : lanes}
    ${line === undefined ? nothing : html`<p class="muted">${lineWords(view, usage, line)}</p>`}
    ${usage.by === 'day' ? html`<p class="muted">${say(view, 'daysOfUtc')}</p>` : nothing}
    ${usageFacts(view, usage, bars)}
    ${requestsOf(totals) === 0 ? nothing : usageTable(view, usage, bars)}`
}

interface Lane {
  readonly bars: readonly Bar[]
  readonly pointed: number | undefined
  readonly line: LimitLine | undefined
}

function laneView (view: View, outcome: Outcome, { bars, pointed, line }: Lane): TemplateResult {
  const compact = new Intl.NumberFormat(view.reading.locale, { notation: 'compact' })
  const counts = bars.map((bar) => bar[outcome])
  const top = scaleOf(Math.max(...counts, line?.height ?? 0))
  const path = barsPath(counts.map((to) => ({ from: 0, to })), top, gapOf(bars.length))
  return html`
    <span class="lane-name">${say(view, outcome)}</span>
    <span class="scale"><span>${compact.format(top)}</span><span>0</span></span>
    <svg class="lane ${outcome}" viewBox="0 0 ${bars.length} ${BOX}" preserveAspectRatio="none" aria-hidden="true">
      ${pointed === undefined ? nothing : svg`<rect class="pointed" x=${pointed} width="1" height=${BOX}/>`}
      <path d=${path}/>
      ${line === undefined ? nothing : lineView(BOX - BOX * line.height / top, bars.length)}
    </svg>`
}

function lineView (y: number, end: number) {
  return svg`<line class="limit" x2=${end} y1=${y} y2=${y} vector-effect="non-scaling-stroke"/>`
}

function tickView ({ x, label }: Tick) {
  const at = `${x * 100}%`
  return svg`<line x1=${at} x2=${at} y2="6"/><text x=${at} dx="4" y="14">${label}</text>`
}

function lineWords (view: View, { by }: KeyUsage, { policy: { quota, window }, height }: LimitLine): string {
  const { locale } = view.reading
  const time = period(lengths[by], locale)
  const format = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 })
  const values = { quota: format.format(quota), window: period(window, locale), count: format.format(height), time }
  return say(view, window === lengths[by] ? 'lineEqual' : 'lineScaled', values)
}

/** Which bar a pointer is over. */
function barAt ({ currentTarget, clientX }: PointerEvent, count: number): number | undefined {
  const lane = currentTarget instanceof Element ? currentTarget.querySelector('.lane') : null
  const { left = 0, width = 0 } = lane?.getBoundingClientRect() ?? {}
  const index = Math.floor((clientX - left) / width * count)
  return index >= 0 && index < count ? index : undefined
}
