import type { Fetch, FetchAnswer, FetchInit, Credentials, Place } from '../api.js'
import { english, type StringName, type Strings } from '../strings.js'
import { LatchkeyKeys } from './latchkey-keys.js'
import { LatchkeySettings } from './latchkey-settings.js'
import { LatchkeyWebhooks } from './webhooks/latchkey-webhooks.js'

interface LatchkeyElement extends HTMLElement {
  /** Where the routes are registered; the attribute `base-url`. */
  baseUrl: string
  /** Where a person acts at first; where the server says by default. */
  workspace: string
  environment: string
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
  interface HTMLElementEventMap {
    /** A person chose another workspace or environment. */
    'latchkey-place': CustomEvent<Place>
  }
  interface HTMLElementTagNameMap {
    'latchkey-keys': LatchkeyKeysElement
    'latchkey-webhooks': LatchkeyWebhooksElement
  }
}

const elements = [
  ['latchkey-keys', LatchkeyKeys], ['latchkey-webhooks', LatchkeyWebhooks], ['latchkey-settings', LatchkeySettings]
] as const
for (const [name, element] of elements) {
  if (customElements.get(name) === undefined) customElements.define(name, element)
}

export {
  english, type Credentials, type Fetch, type FetchAnswer, type FetchInit, type Place, type StringName, type Strings
}
