import type { Fetch, FetchAnswer, FetchInit, Credentials } from '../api.js'
import { english, type StringName, type Strings } from '../strings.js'
import { LatchkeyKeys } from './latchkey-keys.js'

/** `<latchkey-keys>`, as a host sees it. */
export interface LatchkeyKeysElement extends HTMLElement {
  /** Where `keyRoutes` are registered; the attribute `base-url`. */
  baseUrl: string
  /** Where a person signs in again, in a tab of its own; the attribute `sign-in-url`. */
  signInUrl: string
  /** `include` sends cookies to another origin too; `same-origin` by default. */
  credentials: Credentials
  /** Texts in the place of the English ones; as JSON in the attribute `strings`. */
  strings: Partial<Strings>
  /** Sends requests; a host's own adds what its session needs, such as a header. */
  fetch: Fetch
  /** Loads the keys again, such as after a sign-in. */
  reload (): Promise<void>
}

declare global {
  interface HTMLElementTagNameMap {
    'latchkey-keys': LatchkeyKeysElement
  }
}

if (customElements.get('latchkey-keys') === undefined) customElements.define('latchkey-keys', LatchkeyKeys)

export { english, type Credentials, type Fetch, type FetchAnswer, type FetchInit, type StringName, type Strings }
