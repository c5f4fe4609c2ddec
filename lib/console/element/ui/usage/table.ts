import { html, type TemplateResult } from 'lit'
import { barTime } from '../../usage/chart.js'
import { codesOf, outcomes, requestsOf, type Bar, type KeyUsage } from '../../usage/usage.js'
import { say, type View } from '../view.js'
import { codeView } from './facts.js'

/** What the picture shows, in numbers; the latest first. */
export function usageTable (view: View, { by }: KeyUsage, bars: readonly Bar[]): TemplateResult {
  const { locale } = view.reading
  const { format } = new Intl.NumberFormat(locale)
  const shown = bars.filter((bar) => requestsOf(bar) > 0).toReversed()
  const rowView = (bar: Bar) => html`
    <tr>
      <th scope="row">${barTime(bar.at, by, locale)}</th>
      ${outcomes.map((outcome) => html`<td>${format(bar[outcome])}</td>`)}
      <td>${codesOf([bar]).map((one) => codeView(view, one))}</td>
    </tr>`
  return html`
    <details>
      <summary>${say(view, 'asTable')}</summary>
      <div class="numbers" tabindex="0" role="region" aria-label=${say(view, 'usage')}>
        <table>
          <thead>
            <tr>
              <th scope="col">${say(view, 'usageTime')}</th>
              ${outcomes.map((outcome) => html`<th scope="col">${say(view, outcome)}</th>`)}
              <th scope="col">${say(view, 'refusedByCode')}</th>
            </tr>
          </thead>
          <tbody>${shown.map(rowView)}</tbody>
        </table>
      </div>
    </details>`
}
