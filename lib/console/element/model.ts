import type { CallerView, KeyView } from '../../management/index.js'
import type { Api, Place } from './api.js'
import { createDialogs, shownSecret, type OpenForm } from './dialogs.js'
import { nameOf } from './fields.js'
import { filterKeys, mergeKeys, type Filter } from './key-filter.js'
import { createPlaces } from './places.js'
import { firstState, SHOWN, type State } from './state.js'
import { fill, type Strings } from './strings.js'

export interface ModelDeps<S> {
  readonly api: Api
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  readonly strings: () => Strings
  /** Called after each change of the state. */
  readonly onChange: (state: S) => void
  /** Called with a place that a person chose, so that a page can carry it on. */
  readonly onMove: (place: Place) => void
}

/** What a server answers to a change of a key. */
interface Changed {
  readonly key: KeyView
  readonly secret?: string
  readonly effectiveWithin?: number
}

interface KeyPage {
  readonly keys: readonly KeyView[]
  readonly next?: string
}

/** Keys of one page of the server; 200 is the most that it gives. */
const PAGE = '200'

export type Model = ReturnType<typeof createModel>

/** The element without its looks: what is asked of the server, and what follows from each answer. */
export function createModel ({ api, clock, strings, onChange, onMove }: ModelDeps<State>) {
  let state = firstState
  const places = createPlaces<CallerView>(api, onMove)
  /** Grows with each new list, so that answers for an earlier one are dropped. */
  let list = 0

  function set (change: Partial<State>): void {
    state = { ...state, ...change }
    onChange(state)
  }

  /** Loads who is asking, and the first keys. */
  async function load (): Promise<void> {
    const mine = ++list
    set({ busy: true, trouble: undefined, keys: [], next: undefined, shown: SHOWN, open: undefined })
    const caller = await places.enter()
    if (mine !== list) return
    if (!caller.ok) return set({ busy: false, trouble: caller.trouble })
    set({ caller: caller.value })
    if (await loadPage(mine)) await fillUp(mine)
  }

  /** @param cursor the first page without one @returns whether it came */
  async function loadPage (mine: number, cursor?: string): Promise<boolean> {
    const page = await api.ask<KeyPage>('GET', '', { ...places.place, limit: PAGE, cursor })
    if (mine !== list) return false
    if (!page.ok) {
      set({ busy: false, trouble: page.trouble })
      return false
    }
    const { keys, next } = page.value
    set({ keys: mergeKeys(state.keys, keys, 'last'), next, trouble: undefined })
    return true
  }

  /** Loads further pages until enough keys fit the filter: only the server's order is known, so a search reads on. */
  async function fillUp (mine: number): Promise<void> {
    const isEnough = filterKeys(state.keys, state.filter, clock()).length >= state.shown
    if (isEnough || state.next === undefined) return set({ busy: false })
    set({ busy: true })
    if (await loadPage(mine, state.next)) await fillUp(mine)
  }

  /** Sees what other people, and other tabs, have done meanwhile. */
  async function refresh (): Promise<void> {
    if (state.caller === undefined || state.busy) return
    const mine = list
    const page = await api.ask<KeyPage>('GET', '', { ...places.place, limit: PAGE })
    if (mine !== list) return
    if (page.ok) set({ keys: mergeKeys(state.keys, page.value.keys, 'first'), trouble: undefined })
    else if (page.trouble.kind === 'signed-out') set({ trouble: page.trouble })
  }

  async function succeed ({ verb, draft }: OpenForm<CallerView, KeyView>, changed: Changed): Promise<void> {
    const { place } = places
    const { environment = place.environment } = draft.texts
    const { key, secret, effectiveWithin = 0 } = changed
    const texts = strings()
    const done = fill(texts[verb.done], { name: nameOf(key, texts) })
    const within = effectiveWithin === 0 ? '' : ` ${fill(texts.within, { count: effectiveWithin })}`
    const isElsewhere = environment !== place.environment
    const keys = isElsewhere ? state.keys : mergeKeys(state.keys, [key], 'first')
    set({ form: undefined, secret: shownSecret(nameOf(key, texts), secret), message: done + within, keys })
    if (isElsewhere) await go({ ...place, environment })
  }

  /** The key as the server has it now; as it was where nobody can say. */
  async function current (key: KeyView | undefined): Promise<KeyView | undefined> {
    if (key === undefined) {
      await refresh()
      return undefined
    }
    const answer = await places.get<KeyView>(key)
    if (!answer.ok) return key
    set({ keys: mergeKeys(state.keys, [answer.value], 'first') })
    return answer.value
  }

  async function go (to: Place): Promise<void> {
    places.go(to)
    await load()
  }

  const dialogs = createDialogs<CallerView, KeyView, Changed>({
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
    async filter (change: Partial<Filter>): Promise<void> {
      set({ filter: { ...state.filter, ...change }, shown: SHOWN })
      if (!state.busy) await fillUp(list)
    },
    async more (): Promise<void> {
      set({ shown: state.shown + SHOWN, trouble: undefined })
      if (!state.busy) await fillUp(list)
    },
    toggleDetails (id: string): void {
      set({ open: state.open === id ? undefined : id })
    }
  }
}
