import type { CallerView } from '../../../management/index.js'
import { filterKeys } from '../key-filter.js'
import type { ModelDeps } from '../model.js'
import { firstState, type State } from '../state.js'
import type { Trouble } from '../trouble.js'
import {
  barsOf, listRange, queryOf, ranges, type Bar, type Bucket, type KeyUsage, type RangeName, type Usage
} from './usage.js'

/** What is known of the use of keys. */
export interface UsageState {
  /** By id: the days that the list shows. */
  readonly keys: ReadonlyMap<string, readonly Bar[]>
  /** Why those could not be asked for. */
  readonly listTrouble?: Trouble | undefined
  readonly range: RangeName
  /** Of the key whose details are open. */
  readonly chart?: KeyUsage | undefined
  /** Why that could not be asked for. */
  readonly trouble?: Trouble | undefined
  /** The bar that a person points at. */
  readonly pointed?: number | undefined
}

type UsageOfKeys = Usage & { readonly keys: Readonly<Record<string, readonly Bucket[]>> }

/** Keys that one request may name. */
const MOST = 100

export interface UsageModelDeps extends Pick<ModelDeps<State>, 'api' | 'clock'> {
  /** Called after each change of what is known. */
  readonly onChange: () => void
}

export type UsageModel = ReturnType<typeof createUsageModel>

/** Asks for the use of the keys that are shown, after them: nothing waits for it, and nothing else fails with it. */
export function createUsageModel ({ api, clock, onChange }: UsageModelDeps) {
  let state: UsageState = { keys: new Map(), range: 'day' }
  let shown: State = firstState
  /** Ids of the list that were asked for, so that one that fails is not asked for again and again. */
  let asked = new Set<string>()
  let isAsking = false
  /** Grows with each chart, so that an answer for an earlier one is dropped. */
  let chart = 0

  function set (change: Partial<UsageState>): void {
    state = { ...state, ...change }
    onChange()
  }

  /** Called with what the element shows, whenever that may have changed. */
  function follow (next: State): void {
    const before = shown
    if (next === before) return
    shown = next
    if (!isCounted(next.caller)) return
    if (next.caller !== before.caller) {
      asked = new Set()
      set({ keys: new Map(), listTrouble: undefined })
    }
    if (next.open !== before.open) openChart({})
    loadList()
  }

  async function loadList (): Promise<void> {
    const { caller, busy, keys, filter } = shown
    if (!isCounted(caller) || isAsking || busy || filter.list === 'ended') return
    const rows = filterKeys(keys, filter, clock()).slice(0, shown.shown)
    const ids = rows.map(({ id }) => id).filter((id) => !asked.has(id)).slice(0, MOST)
    if (ids.length === 0) return
    for (const id of ids) asked.add(id)
    isAsking = true
    const query = { ...placeOf(caller), ...queryOf(listRange, clock()), keys: ids.join(',') }
    const answer = await api.ask<UsageOfKeys>('GET', '/usage', query)
    isAsking = false
    if (caller === shown.caller) {
      if (answer.ok) set({ keys: new Map([...state.keys, ...barsOfEach(answer.value)]), listTrouble: undefined })
      else set({ listTrouble: answer.trouble })
    }
    await loadList()
  }

  function openChart (change: Partial<UsageState>): Promise<void> {
    set({ ...change, chart: undefined, pointed: undefined })
    return loadChart()
  }

  async function loadChart (): Promise<void> {
    const mine = ++chart
    const { open, caller } = shown
    set({ trouble: undefined })
    if (open === undefined || !isCounted(caller)) return
    const query = { ...placeOf(caller), ...queryOf(ranges[state.range], clock()) }
    const answer = await api.ask<KeyUsage>('GET', `/${encodeURIComponent(open)}/usage`, query)
    if (mine !== chart) return
    set(answer.ok ? { chart: answer.value } : { trouble: answer.trouble })
  }

  return {
    get state () { return state },
    follow,
    loadChart,
    choose: (range: RangeName) => openChart({ range }),
    /** Asks for the keys of the list anew. */
    loadList (): Promise<void> {
      asked = new Set()
      return loadList()
    },
    /** Asks for all that is shown anew; it stays until the answers come. */
    async refresh (): Promise<void> {
      asked = new Set()
      await Promise.all([loadList(), loadChart()])
    },
    point (pointed: number | undefined): void {
      if (pointed !== state.pointed) set({ pointed })
    }
  }
}

/** Whether the server counts usage, and shows it to this caller. */
export function isCounted (caller: CallerView | undefined): caller is CallerView {
  return caller?.usage === true
}

function placeOf ({ workspace, environment }: CallerView) {
  return { workspace, environment }
}

function barsOfEach ({ keys, by, from, to }: UsageOfKeys): ReadonlyArray<readonly [string, readonly Bar[]]> {
  return Object.entries(keys).map(([id, buckets]) => [id, barsOf({ by, from, to, buckets })])
}
