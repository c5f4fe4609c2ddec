import type { CallerView, KeyView } from '../../management/index.js'
import type { Api } from './api.js'
import { nameOf } from './fields.js'
import type { Draft, Subject } from './form.js'
import { filterKeys, mergeKeys, type Filter } from './key-filter.js'
import { firstState, SHOWN, type ShownSecret, type State } from './state.js'
import { fill, type Strings } from './strings.js'
import { verbs, type Verb, type VerbName } from './verbs.js'

export interface ModelDeps {
  readonly api: Api
  /** Milliseconds since the epoch. */
  readonly clock: () => number
  readonly strings: () => Strings
  /** Called after each change of the state. */
  readonly onChange: (state: State) => void
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

/** Where a person acts; where the server says by default. */
interface Place {
  readonly workspace?: string | undefined
  readonly environment?: string | undefined
}

export type Model = ReturnType<typeof createModel>

/** The element without its looks: what is asked of the server, and what follows from each answer. */
export function createModel ({ api, clock, strings, onChange }: ModelDeps) {
  let state = firstState
  let place: Place = {}
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
    const caller = await api.ask<CallerView>('GET', '/caller', { ...place })
    if (mine !== list) return
    if (!caller.ok) return set({ busy: false, trouble: caller.trouble })
    const { workspace, environment } = caller.value
    place = { workspace, environment }
    set({ caller: caller.value })
    if (await loadPage(mine)) await fillUp(mine)
  }

  /** @param cursor the first page without one @returns whether it came */
  async function loadPage (mine: number, cursor?: string): Promise<boolean> {
    const page = await api.ask<KeyPage>('GET', '', { ...place, limit: PAGE, cursor })
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
    const page = await api.ask<KeyPage>('GET', '', { ...place, limit: PAGE })
    if (mine !== list) return
    if (page.ok) set({ keys: mergeKeys(state.keys, page.value.keys, 'first'), trouble: undefined })
    else if (page.trouble.kind === 'signed-out') set({ trouble: page.trouble })
  }

  function subjectOf (caller: CallerView, key?: KeyView): Subject {
    return { caller, key, now: clock() }
  }

  async function submit (): Promise<void> {
    const { form, caller } = state
    if (form === undefined || caller === undefined || form.busy) return
    const verb: Verb = verbs[form.verb]
    const subject = subjectOf(caller, form.key)
    if (Object.keys(verb.faults(form.draft, subject)).length > 0) return set({ form: { ...form, tried: true } })
    set({ form: { ...form, tried: true, busy: true, trouble: undefined } })
    const { method, path, body } = verb.request(form.draft, subject)
    const { environment = place.environment } = form.draft.texts
    const answer = await api.ask<Changed>(method, path, { ...place, environment }, body)
    if (!answer.ok) {
      // Meanwhile it may have been changed, or the change may have happened: what is shown is what the server says.
      const key = await current(form.key)
      if (state.form !== undefined) set({ form: { ...state.form, key, busy: false, trouble: answer.trouble } })
      return
    }
    await succeed(form.verb, answer.value, environment)
  }

  async function succeed (name: VerbName, changed: Changed, environment: string | undefined): Promise<void> {
    const { key, secret, effectiveWithin = 0 } = changed
    const texts = strings()
    const done = fill(texts[verbs[name].done], { name: nameOf(key, texts) })
    const within = effectiveWithin === 0 ? '' : ` ${fill(texts.within, { count: effectiveWithin })}`
    const shown: ShownSecret | undefined = secret === undefined
      ? undefined
      : { name: nameOf(key, texts), secret, copied: 'no', leaving: false }
    const isElsewhere = environment !== place.environment
    const keys = isElsewhere ? state.keys : mergeKeys(state.keys, [key], 'first')
    set({ form: undefined, secret: shown, message: done + within, keys })
    if (isElsewhere) await go({ ...place, environment })
  }

  /** The key as the server has it now; as it was where nobody can say. */
  async function current (key: KeyView | undefined): Promise<KeyView | undefined> {
    if (key === undefined) {
      await refresh()
      return undefined
    }
    const answer = await api.ask<KeyView>('GET', `/${encodeURIComponent(key.id)}`, { ...place })
    if (!answer.ok) return key
    set({ keys: mergeKeys(state.keys, [answer.value], 'first') })
    return answer.value
  }

  async function go (to: Place): Promise<void> {
    place = to
    await load()
  }

  return {
    get state () { return state },
    load,
    refresh,
    submit,
    /** Acts in another workspace or environment. */
    go: (to: Place) => go({ ...place, ...to }),
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
    },
    openForm (verb: VerbName, key?: KeyView): void {
      if (state.caller === undefined) return
      const draft = verbs[verb].draft(subjectOf(state.caller, key))
      set({ form: { verb, key, draft, tried: false, busy: false } })
    },
    closeForm (): void {
      set({ form: undefined })
    },
    edit (change: Partial<Draft>): void {
      const { form } = state
      if (form === undefined) return
      const draft = { ...form.draft, ...change, texts: { ...form.draft.texts, ...change.texts } }
      set({ form: { ...form, draft } })
    },
    setSecret (change: Partial<ShownSecret> | undefined): void {
      set({ secret: change === undefined || state.secret === undefined ? undefined : { ...state.secret, ...change } })
    }
  }
}
