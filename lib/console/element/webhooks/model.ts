import type { DeliveryView, EndpointView, WebhookCallerView } from '../../../management/index.js'
import type { Place } from '../api.js'
import { createDialogs, shownSecret, type OpenForm } from '../dialogs.js'
import type { ModelDeps } from '../model.js'
import { createPlaces } from '../places.js'
import { fill } from '../strings.js'
import { isUnderway } from './facts.js'
import { firstWebhookState, noDeliveries, type DeliveryFilter, type WebhookState } from './state.js'

export interface WebhookModelDeps extends ModelDeps<WebhookState> {
  /** Fulfils after so many milliseconds. */
  readonly pause: (milliseconds: number) => Promise<void>
}

/** What a server answers to a change: nothing of an endpoint that is gone. */
type Changed = { readonly endpoint: EndpointView, readonly secret?: string } | EndpointView | DeliveryView | undefined

interface DeliveryPage {
  readonly deliveries: readonly DeliveryView[]
  readonly next?: string
}

/** Deliveries of one page of the server. */
const PAGE = '20'

/** Milliseconds between looks at what was just sent, until its first attempt was made. */
const WATCH_MS = [200, 400, 800, 1600, 3200, 6400, 12_800]

export type WebhookModel = ReturnType<typeof createWebhookModel>

/** The element without its looks: what is asked of the server, and what follows from each answer. */
export function createWebhookModel ({ api, clock, strings, onChange, onMove, pause }: WebhookModelDeps) {
  let state = firstWebhookState
  const places = createPlaces<WebhookCallerView>(api, onMove)
  /** Grows with each new list, so that answers for an earlier one are dropped. */
  let list = 0
  /** Grows with each change, so that a refresh that it has overtaken is dropped. */
  let changes = 0

  function set (change: Partial<WebhookState>): void {
    state = { ...state, ...change }
    onChange(state)
  }

  /** Loads who is asking, and all endpoints. */
  async function load (): Promise<void> {
    const mine = ++list
    set({ busy: true, trouble: undefined, endpoints: [], open: undefined })
    const caller = await places.enter()
    if (mine !== list) return
    if (!caller.ok) return set({ busy: false, trouble: caller.trouble })
    set({ caller: caller.value })
    const answer = await api.ask<{ endpoints: readonly EndpointView[] }>('GET', '', { ...places.place })
    if (mine !== list) return
    if (answer.ok) set({ busy: false, endpoints: answer.value.endpoints })
    else set({ busy: false, trouble: answer.trouble })
  }

  /** Sees what happened meanwhile. */
  async function refresh (): Promise<void> {
    if (state.caller === undefined || state.busy) return
    const [mine, before] = [list, changes]
    const answer = await api.ask<{ endpoints: readonly EndpointView[] }>('GET', '', { ...places.place })
    if (mine !== list || before !== changes) return
    if (answer.ok) set({ endpoints: answer.value.endpoints, trouble: undefined })
    else if (answer.trouble.kind === 'signed-out') set({ trouble: answer.trouble })
    if (state.open !== undefined) await loadDeliveries(state.open)
  }

  function setDeliveries (change: Partial<WebhookState['deliveries']>): void {
    set({ deliveries: { ...state.deliveries, ...change } })
  }

  /** @param cursor the first page without one, whose news come first */
  async function loadDeliveries (id: string, cursor?: string): Promise<void> {
    const { only } = state.deliveries
    setDeliveries({ busy: true })
    const query = { ...places.place, limit: PAGE, cursor, state: only === 'all' ? undefined : only }
    const page = await api.ask<DeliveryPage>('GET', `/${encodeURIComponent(id)}/deliveries`, query)
    if (state.open !== id || state.deliveries.only !== only) return
    if (!page.ok) return setDeliveries({ busy: false, trouble: page.trouble })
    const { list: before, next: further } = state.deliveries
    const { deliveries, next } = page.value
    const fresh = new Set(deliveries.map((one) => one.id))
    const others = before.filter((one) => !fresh.has(one.id))
    const isFirst = cursor === undefined
    setDeliveries({
      list: isFirst ? [...deliveries, ...others] : [...others, ...deliveries],
      next: isFirst && others.length > 0 ? further : next,
      busy: false,
      trouble: undefined
    })
  }

  /** Shows what was just sent. */
  async function follow (id: string, delivery: DeliveryView): Promise<void> {
    const { open: shown, deliveries: { list, only } } = state
    if (shown === id && only === 'all') setDeliveries({ list: [delivery, ...list] })
    else await open(id)
    await watch(id)
  }

  /** Asks for what was just sent until its first attempt was made, or for half a minute. */
  async function watch (id: string): Promise<void> {
    for (const wait of WATCH_MS) {
      await pause(wait)
      if (state.open !== id) return
      await refresh()
      if (!state.deliveries.list.some(isUnderway)) return
    }
  }

  async function open (id: string): Promise<void> {
    set({ open: id, deliveries: noDeliveries })
    await loadDeliveries(id)
  }

  function replace (endpoint: EndpointView): readonly EndpointView[] {
    const { endpoints } = state
    const isKnown = endpoints.some(({ id }) => id === endpoint.id)
    return isKnown ? endpoints.map((one) => one.id === endpoint.id ? endpoint : one) : [endpoint, ...endpoints]
  }

  function without (gone: EndpointView | undefined): Pick<WebhookState, 'endpoints' | 'open'> {
    const { endpoints, open } = state
    return { endpoints: endpoints.filter(({ id }) => id !== gone?.id), open: open === gone?.id ? undefined : open }
  }

  async function succeed (form: OpenForm<WebhookCallerView, EndpointView>, changed: Changed): Promise<void> {
    const { place } = places
    const { verb, record, draft: { texts: { environment = place.environment } } } = form
    const { endpoint = record, secret } = readChanged(changed)
    changes++
    const name = String(endpoint?.url)
    const done = { form: undefined, secret: shownSecret(name, secret), message: fill(strings()[verb.done], { name }) }
    if (changed === undefined) return set({ ...done, ...without(record) })
    const isElsewhere = environment !== place.environment
    set({ ...done, ...endpoint !== undefined && !isElsewhere && { endpoints: replace(endpoint) } })
    if (isElsewhere) await go({ ...place, environment })
    if ('payload' in changed) await follow(String(record?.id), changed)
  }

  /** The endpoint as the server has it now; as it was where nobody can say. */
  async function current (endpoint: EndpointView | undefined): Promise<EndpointView | undefined> {
    if (endpoint === undefined) {
      await refresh()
      return undefined
    }
    const answer = await places.get<EndpointView>(endpoint)
    if (answer.ok) set({ endpoints: replace(answer.value) })
    else if (answer.trouble.kind === 'missing') set(without(endpoint))
    return answer.ok ? answer.value : endpoint
  }

  async function go (to: Place): Promise<void> {
    places.go(to)
    await load()
  }

  const dialogs = createDialogs<WebhookCallerView, EndpointView, Changed>({
    state: () => state,
    set,
    clock,
    ask: places.change,
    current,
    succeed
  })

  return {
    ...dialogs,
    get state () { return state },
    load,
    refresh,
    /** Acts in another workspace or environment. */
    go: (to: Place) => go({ ...places.place, ...to }),
    async toggleDetails (id: string): Promise<void> {
      if (state.open === id) set({ open: undefined })
      else await open(id)
    },
    async showDeliveries (only: DeliveryFilter): Promise<void> {
      if (state.open === undefined) return
      set({ deliveries: { ...noDeliveries, only } })
      await loadDeliveries(state.open)
    },
    async moreDeliveries (): Promise<void> {
      if (state.open !== undefined) await loadDeliveries(state.open, state.deliveries.next)
    }
  }
}

function readChanged (changed: Changed): { endpoint?: EndpointView, secret?: string } {
  if (changed === undefined || 'payload' in changed) return {}
  return 'endpoint' in changed ? changed : { endpoint: changed }
}
