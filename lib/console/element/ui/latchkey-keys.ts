import { html, nothing, type PropertyValues, type TemplateResult } from 'lit'
import { keyKind } from '../key-kind.js'
import { createModel } from '../model.js'
import { firstState, type State } from '../state.js'
import { createUsageModel } from '../usage/model.js'
import { filtersView } from './filters.js'
import { formDialog } from './form-dialog.js'
import { headerView } from './header.js'
import { listView } from './list.js'
import { messageView, troubleView } from './notices.js'
import { secretDialog } from './secret-dialog.js'
import { SettingsElement } from './settings-element.js'
import type { View } from './view.js'

/** `<latchkey-keys base-url="/settings/api-keys">`: the keys of a workspace, and all that a person does with them. */
export class LatchkeyKeys extends SettingsElement<State> {
  protected readonly model = createModel(this.modelDeps)
  readonly #usage = createUsageModel({ ...this.modelDeps, onChange: () => this.requestUpdate() })

  constructor () {
    super(firstState)
  }

  protected override willUpdate (changed: PropertyValues<this>): void {
    super.willUpdate(changed)
    this.#usage.follow(this.state)
  }

  protected override refresh (): void {
    super.refresh()
    this.#usage.refresh()
  }

  protected override render (): TemplateResult {
    const { state, model, reading, signInUrl } = this
    const copySecret = () => { this.copySecret() }
    const view: View = { kind: keyKind, state, model, usage: this.#usage, reading, signInUrl, copySecret }
    return html`
      <div part="base" class="base">
        ${headerView(view)}
        ${messageView(state.message)}
        ${troubleView(view, state.trouble, () => { model.load() })}
        ${state.caller === undefined ? nothing : filtersView(view)}
        ${listView(view)}
        ${formDialog(view)}
        ${secretDialog(view)}
      </div>`
  }
}
