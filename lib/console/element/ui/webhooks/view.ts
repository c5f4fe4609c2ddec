import type { EndpointView, WebhookCallerView } from '../../../../management/index.js'
import type { WebhookModel } from '../../webhooks/model.js'
import type { WebhookState } from '../../webhooks/state.js'
import type { Shell } from '../view.js'

/** What views of webhooks draw from. */
export interface WebhookView extends Shell<WebhookCallerView, EndpointView> {
  readonly state: WebhookState
  readonly model: WebhookModel
}
