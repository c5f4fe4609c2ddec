import type { EndpointView, WebhookCallerView } from '../../../management/index.js'
import { troubleTexts } from '../trouble.js'
import type { Kind } from '../verb.js'
import { endpointVerbs } from './verbs.js'

export const endpointKind: Kind<WebhookCallerView, EndpointView> = {
  verbs: Object.values(endpointVerbs),
  title: 'webhooks',
  intro: 'webhooksIntro',
  secretText: 'webhookSecretText',
  leaveText: 'webhookLeaveText',
  noLongerPossible: 'webhookGone',
  troubles: { ...troubleTexts, conflict: 'webhookConflict', outage: 'webhookOutage' },
  nameOf: ({ url }) => url
}
