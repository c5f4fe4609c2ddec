import type { Clock } from '../core/clock.js'
import { isId } from '../core/name.js'
import type { OutcomeListener } from '../core/outcomes.js'
import type { Principal } from '../core/principal.js'
import { HOUR_MS, startOf } from './hours.js'
import type { UsageCount, UsageOutcome } from './store.js'

export interface CounterDeps {
  readonly clock: Clock
  /** Keys whose counts wait at most, each once an hour; requests of further keys are not counted. */
  readonly maxKeys: number
  /** Called when a key begins to be counted. */
  readonly onCount: () => void
}

export interface Counter {
  /** Counts a request where a stored key has sent it. */
  readonly count: OutcomeListener
  /** True where nothing was counted since the last `take`. */
  isEmpty (): boolean
  /** What was counted since the last `take`, and how many requests were not for want of room. */
  take (): { readonly counts: UsageCount[], readonly dropped: number }
}

interface KeyCounts {
  readonly workspace: string
  readonly environment: string
  admitted: number
  readonly refused: Map<UsageOutcome, number>
}

interface Hour { readonly at: number, readonly byKey: Map<string, KeyCounts> }

/** Counts in memory. A request of a key that was counted before in this hour allocates nothing. */
export function createCounter ({ clock, maxKeys, onCount }: CounterDeps): Counter {
  let hours: Hour[] = []
  let current: Hour = { at: NaN, byKey: new Map() }
  let room = maxKeys
  let dropped = 0

  function add ({ id, workspace, environment }: Principal): KeyCounts | undefined {
    // Ids of stored keys are such; a resolver of the host may bring others, which no store could keep.
    if (!isId(id)) return undefined
    if (room === 0) {
      dropped++
      return undefined
    }
    room--
    const counts: KeyCounts = { workspace, environment, admitted: 0, refused: new Map() }
    current.byKey.set(id, counts)
    onCount()
    return counts
  }

  /** A clock that steps back goes on with the earlier hour. */
  function hourOf (now: number): Hour {
    const at = startOf('hour', now)
    const known = hours.find((hour) => hour.at === at)
    const hour = known ?? { at, byKey: new Map() }
    if (known === undefined) hours.push(hour)
    return hour
  }

  return {
    count (_request, _access, principal, refusal) {
      // A principal without a version was made by a resolver of the host, not from a stored key.
      if (principal === null || principal.kind !== 'api-key' || principal.version === undefined) return
      const now = clock()
      if (!(now >= current.at && now < current.at + HOUR_MS)) {
        if (!Number.isFinite(now)) return
        current = hourOf(now)
      }
      const counts = current.byKey.get(principal.id) ?? add(principal)
      if (counts === undefined) return
      if (refusal === undefined) counts.admitted++
      else counts.refused.set(refusal.code, (counts.refused.get(refusal.code) ?? 0) + 1)
    },
    isEmpty: () => room === maxKeys,
    take () {
      const taken = { counts: hours.flatMap(countsOf), dropped }
      hours = []
      current = { at: NaN, byKey: new Map() }
      room = maxKeys
      dropped = 0
      return taken
    }
  }
}

/** Those of each key, then those of all keys of each workspace and environment together. */
function countsOf ({ at, byKey }: Hour): UsageCount[] {
  const ofKeys = [...byKey].flatMap(([keyId, { workspace, environment, admitted, refused }]) => {
    const outcomes = [...admitted > 0 ? [['ADMITTED', admitted] as const] : [], ...refused]
    return outcomes.map(([outcome, requests]) => ({ workspace, environment, keyId, at, outcome, requests }))
  })
  return [...ofKeys, ...totalsOf(ofKeys)]
}

function totalsOf (counts: readonly UsageCount[]): UsageCount[] {
  const totals = new Map<string, UsageCount>()
  for (const count of counts) {
    const name = JSON.stringify([count.workspace, count.environment, count.outcome])
    const before = totals.get(name)?.requests ?? 0
    totals.set(name, { ...count, keyId: null, requests: before + count.requests })
  }
  return [...totals.values()]
}
