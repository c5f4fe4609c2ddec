import { html, nothing, type TemplateResult } from 'lit'
import { period } from '../../time-words.js'
import { codesOf, type Bar, type KeyUsage, type Policy } from '../../usage/usage.js'
import { say, type View } from '../view.js'

/** Which codes refused requests, and which limits apply. */
export function usageFacts (view: View, { limits }: KeyUsage, bars: readonly Bar[]): TemplateResult {
  const codes = codesOf(bars)
  const none = html`<li>${say(view, 'noLimit')}</li>`
  const refused = html`
    <div class="fact">
      <dt>${say(view, 'refusedByCode')}</dt>
      <dd><ul>${codes.map((one) => html`<li>${codeView(view, one)}</li>`)}</ul></dd>
    </div>`
  return html`
    <dl>
      ${codes.length === 0 ? nothing : refused}
      <div class="fact">
        <dt>${say(view, 'limits')}</dt>
        <dd><ul>${limits.length === 0 ? none : limits.map((one) => limitView(view, one))}</ul></dd>
      </div>
    </dl>`
}

export function codeView (view: View, [code, count]: readonly [string, number]): TemplateResult {
  return html`<code class="chip">${code}</code> ${new Intl.NumberFormat(view.reading.locale).format(count)}`
}

function limitView (view: View, { name, quota, window }: Policy): TemplateResult {
  const { locale } = view.reading
  const values = { quota: new Intl.NumberFormat(locale).format(quota), time: period(window, locale) }
  return html`<li><bdi>${name}</bdi>: ${say(view, 'limitWords', values)}</li>`
}
