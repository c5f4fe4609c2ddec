import { html, nothing, type TemplateResult } from 'lit'
import type { KeyView } from '../../../../management/index.js'
import { keyKind } from '../../key-kind.js'
import { troubleTexts } from '../../trouble.js'
import { rangeNames, ranges } from '../../usage/usage.js'
import { troubleView } from '../notices.js'
import { say, type View } from '../view.js'
import { chartView } from './chart.js'

const usageKind: View['kind'] = { ...keyKind, troubles: { ...troubleTexts, outage: 'usageOutage' } }

/** How a key was used, in the time that a person chooses. */
export function usageView (view: View, { id }: KeyView): TemplateResult {
  const { usage } = view
  const { range, chart, trouble } = usage.state
  return html`
    <div part="usage" class="usage">
      <div class="usage-head">
        <h3 id=${`usage-${id}`}>${say(view, 'usage')}</h3>
        <div part="tabs" class="segments" role="group" aria-labelledby=${`usage-${id}`}>
          ${rangeNames.map((name) => html`
            <button type="button" aria-pressed=${range === name} @click=${() => { usage.choose(name) }}>
              ${say(view, ranges[name].label)}
            </button>`)}
        </div>
      </div>
      ${troubleView({ ...view, kind: usageKind }, trouble, () => { usage.loadChart() })}
      ${chart === undefined ? nothing : chartView(view, chart)}
      ${chart === undefined && trouble === undefined ? loadingView(view) : nothing}
    </div>`
}

function loadingView (view: View): TemplateResult {
  return html`
    <div class="skeleton" role="status" aria-label=${say(view, 'loadingUsage')}><div class="tall"></div></div>`
}
