import { html, type TemplateResult } from 'lit'
import { endpointKind } from '../../webhooks/kind.js'
import { createWebhookModel } from '../../webhooks/model.js'
import { firstWebhookState, type WebhookState } from '../../webhooks/state.js'
import { formDialog } from '../form-dialog.js'
import { headerView } from '../header.js'
import { messageView, troubleView } from '../notices.js'
import { secretDialog } from '../secret-dialog.js'
import { SettingsElement } from '../settings-element.js'
import { endpointsView } from './endpoints.js'
import type { WebhookView } from './view.js'

const pause = (milliseconds: number) => new Promise<void>((resolve) => { window.setTimeout(resolve, milliseconds) })

/** `<latchkey-webhooks base-url="/settings/webhooks">`: where a workspace receives events, and what was sent there. */
export class LatchkeyWebhooks extends SettingsElement<WebhookState> {
  protected readonly model = createWebhookModel({ ...this.modelDeps, pause })

  constructor () {
    super(firstWebhookState)
  }

  protected override render (): TemplateResult {
    const { state, model, reading, signInUrl } = this
    const copySecret = () => { this.copySecret() }
    const view: WebhookView = { kind: endpointKind, state, model, reading, signInUrl, copySecret }
    return html`
      <div part="base" class="base">
        ${headerView(view)}
        ${messageView(state.message)}
        ${troubleView(view, state.trouble, () => { model.load() })}
        ${endpointsView(view)}
        ${formDialog(view)}
        ${secretDialog(view)}
      </div>`
  }
}
