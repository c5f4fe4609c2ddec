import type { Fetch, FetchAnswer, FetchInit, Credentials } from '../api.js'
import { english, type StringName, type Strings } from '../strings.js'
import { LatchkeyKeys } from './latchkey-keys.js'
import { LatchkeyWebhooks } from './webhooks/latchkey-webhooks.js'

interface LatchkeyElement extends HTMLElement {
  /** Where the routes are registered; the attribute `base-url`. */
  baseUrl: string
  /** Where a person signs in again, in a tab of its own; the attribute `sign-in-url`. */
  signInUrl: string
  /** `include` sends cookies to another origin too; `same-origin` by default. */
  credentials: Credentials
  /** Texts in the place of the English ones; as JSON in the attribute `strings`. */
  strings: Partial<Strings>
  /** Sends requests; a host's own adds what its session needs, such as a header. */
  fetch: Fetch
  /** Loads everything again, such as after a sign-in. */
  reload (): Promise<void>
}

/** `<latchkey-keys>`, as a host sees it, over `keyRoutes`. */
export interface LatchkeyKeysElement extends LatchkeyElement {}

/** `<latchkey-webhooks>`, as a host sees it, over `webhookRoutes`. */
export interface LatchkeyWebhooksElement extends LatchkeyElement {}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-keys': LatchkeyKeysElement
    'latchkey-webhooks': LatchkeyWebhooksElement
  }
}

for (const [name, element] of [['latchkey-keys', LatchkeyKeys], ['latchkey-webhooks', LatchkeyWebhooks]] as const) {
  if (customElements.get(name) === undefined) customElements.define(name, element)
}

export { english, type Credentials, type Fetch, type FetchAnswer, type FetchInit, type StringName, type Strings }
