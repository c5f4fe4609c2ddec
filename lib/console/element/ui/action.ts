import { html, type TemplateResult } from 'lit'
import type { KeyView } from '../../../management/index.js'
import { verbs, type Verb, type VerbName } from '../verbs.js'
import { say, type View } from './view.js'

/** The button that opens the form of a verb for a key. */
export function actionView (view: View, name: VerbName, key: KeyView, of: string): TemplateResult {
  const verb: Verb = verbs[name]
  const label = say(view, verb.label)
  return html`
    <button part="button" class="button small ${verb.tone ?? ''}" type="button"
      aria-label=${say(view, 'actionOn', { action: label, name: of })} @click=${() => view.model.openForm(name, key)}>
      ${label}
    </button>`
}
