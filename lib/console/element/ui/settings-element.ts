import { LitElement, type PropertyValues } from 'lit'
import { createApi, type Credentials, type Fetch, type Place } from '../api.js'
import type { DialogState, ShownSecret } from '../dialogs.js'
import type { Reading } from '../cells.js'
import type { Actor, Stored } from '../form.js'
import type { ModelDeps } from '../model.js'
import { english, type Strings } from '../strings.js'
import { isModal } from './modal.js'
import { styles } from './styles.js'

/** Milliseconds after which words such as "3 minutes ago" are written anew. */
const MINUTE = 60_000

interface ElementModel {
  load (): Promise<void>
  go (to: Place): Promise<void>
  refresh (): Promise<void>
  setSecret (change: Partial<ShownSecret> | undefined): void
}

/** What every element does, whatever it manages: its properties, the focus, and the care for a secret. */
export abstract class SettingsElement<S extends DialogState<Actor, Stored>> extends LitElement {
  static override styles = styles
  static override properties = {
    baseUrl: { attribute: 'base-url' },
    workspace: {},
    environment: {},
    signInUrl: { attribute: 'sign-in-url' },
    credentials: {},
    strings: { type: Object },
    fetch: { attribute: false },
    state: { state: true }
  }

  declare baseUrl: string
  declare workspace: string
  declare environment: string
  declare signInUrl: string
  declare credentials: Credentials
  declare strings: Partial<Strings>
  declare fetch: Fetch
  declare state: S
  protected abstract readonly model: ElementModel
  /** Where the focus was when a dialog was opened. */
  #opener: HTMLElement | undefined
  #timer: number | undefined

  constructor (first: S) {
    super()
    this.baseUrl = ''
    this.workspace = ''
    this.environment = ''
    this.signInUrl = ''
    this.credentials = 'same-origin'
    this.strings = {}
    this.fetch = (url, init) => window.fetch(url, init)
    this.state = first
  }

  override connectedCallback (): void {
    super.connectedCallback()
    document.addEventListener('visibilitychange', this.#onVisible)
    window.addEventListener('beforeunload', this.#onLeaving)
    window.addEventListener('pagehide', this.#onGone)
    this.#timer = window.setInterval(() => this.requestUpdate(), MINUTE)
  }

  override disconnectedCallback (): void {
    super.disconnectedCallback()
    document.removeEventListener('visibilitychange', this.#onVisible)
    window.removeEventListener('beforeunload', this.#onLeaving)
    window.removeEventListener('pagehide', this.#onGone)
    window.clearInterval(this.#timer)
    this.model.setSecret(undefined)
  }

  /** Loads everything again, such as after a sign-in. */
  reload (): Promise<void> {
    return this.model.load()
  }

  /** Called when a person comes back to the page. */
  protected refresh (): void {
    this.model.refresh()
  }

  protected get modelDeps (): ModelDeps<S> {
    return {
      api: createApi(() => ({ baseUrl: this.baseUrl, fetch: this.fetch, credentials: this.credentials })),
      clock: Date.now,
      strings: () => this.#strings,
      onChange: (state) => { this.state = state },
      onMove: (detail) => this.dispatchEvent(new CustomEvent('latchkey-place', { bubbles: true, detail }))
    }
  }

  protected get reading (): Reading {
    const lang = this.lang || document.documentElement.lang || undefined
    const { locale } = new Intl.DateTimeFormat(lang).resolvedOptions()
    return { now: Date.now(), locale, strings: this.#strings }
  }

  get #strings (): Strings {
    return { ...english, ...this.strings }
  }

  protected override willUpdate (changed: PropertyValues<this>): void {
    const isAnother = (['baseUrl', 'workspace', 'environment'] as const).some((name) => changed.has(name))
    if (isAnother && this.baseUrl !== '') this.#open()
    const before = changed.get('state')
    if (before === undefined || isModal(before) || !isModal(this.state)) return
    const { activeElement } = this.renderRoot instanceof ShadowRoot ? this.renderRoot : document
    this.#opener = activeElement instanceof HTMLElement ? activeElement : undefined
  }

  /** Loads what is there, in the place that the host names. */
  #open (): void {
    const { workspace, environment, model } = this
    if (workspace + environment === '') model.load()
    else model.go({ workspace: workspace || undefined, environment: environment || undefined })
  }

  protected override updated (changed: PropertyValues<this>): void {
    for (const dialog of this.renderRoot.querySelectorAll('dialog')) if (!dialog.open) dialog.showModal()
    const before = changed.get('state')
    if (before === undefined) return
    if (isModal(before) && !isModal(this.state)) this.#restoreFocus()
    if (this.state.form?.tried === true && before.form?.tried === false) this.#focusOn('[aria-invalid=true]')
    if (this.state.secret?.leaving !== before.secret?.leaving) this.#focusOn('dialog [autofocus]')
  }

  protected async copySecret (): Promise<void> {
    const { secret } = this.state
    const field = this.renderRoot.querySelector('textarea')
    if (secret === undefined || field === null) return
    const write = async () => await navigator.clipboard.writeText(secret.secret)
    const isCopied = await write().then(() => true, () => false)
    if (isCopied) return this.model.setSecret({ copied: 'yes' })
    field.focus()
    field.select()
    this.model.setSecret({ copied: document.execCommand('copy') ? 'yes' : 'refused' })
  }

  /** Back to the button that opened the dialog; to the title where that is gone, such as for a key that was revoked. */
  #restoreFocus (): void {
    if (this.#opener?.isConnected === true) this.#opener.focus()
    else this.#focusOn('#title')
    this.#opener = undefined
  }

  #focusOn (selector: string): void {
    const found = this.renderRoot.querySelector<HTMLElement>(selector)
    const field = found instanceof HTMLFieldSetElement ? found.querySelector('input') : found
    field?.focus()
  }

  readonly #onVisible = (): void => {
    if (document.visibilityState === 'visible') this.refresh()
  }

  readonly #onLeaving = (event: BeforeUnloadEvent): void => {
    if (this.state.secret !== undefined && this.state.secret.copied !== 'yes') event.preventDefault()
  }

  /** A page that comes back from the browser's cache has no secret in it. */
  readonly #onGone = (): void => { this.model.setSecret(undefined) }
}
