import { withTimeout, type Clock } from '../core/clock.js'
import { AccessError, describeFault } from '../core/errors.js'
import { createFailureLog } from '../core/failure-log.js'
import { isId, isName } from '../core/name.js'
import { checkOptions } from '../core/options.js'
import type { OutcomeListener } from '../core/outcomes.js'
import { storeReady } from '../core/store-ready.js'
import type { Emitter } from '../events/index.js'
import { createCounter } from './counter.js'
import { createFlusher } from './flusher.js'
import { groupBy } from './group-by.js'
import { LENGTHS } from './hours.js'
import { createMemoryUsageStore } from './memory.js'
import { usageOptions, type UsageOptions } from './options.js'
import { readRange, type WholeRange } from './range.js'
import { bucketsOf, reportOf } from './report.js'
import type { UsageQuery, UsageSum } from './store.js'
import type { Usage } from './usage.js'
import { createUsageEvents } from './usage-events.js'

export interface UsageDeps {
  readonly clock: Clock
  /** Seconds that the store may take for a report. */
  readonly deadline: number
  readonly log: (reason: string, message: string) => void
  readonly inform: (message: string) => void
  /** Where counts are emitted; nowhere by default. */
  readonly events?: Emitter | undefined
}

/** The counts of one host. */
export interface UsageRecord {
  /** `app.latchkey.usage`. */
  readonly usage: Usage
  /** Counts the outcome of a request. */
  readonly count: OutcomeListener
  /** Rejects where the store can never work as it is: call it when the server starts. */
  ready (): Promise<void>
  /** Writes what is left. */
  close (): Promise<void>
}

const DAY = 86_400
/** Keys whose counts wait to be written at most, each once an hour: about 20 MB. */
const MAX_KEYS = 100_000
const MAX_REPORTED_KEYS = 100
/** Hours or days of all keys of one report, so that it costs a store and its reader little. */
const MAX_REPORTED_BUCKETS = 5_000

/** @throws OptionError */
export function createUsage (options: UsageOptions, deps: UsageDeps): UsageRecord {
  checkOptions(usageOptions, options, 'usage')
  const { clock, deadline, log, inform, events } = deps
  const { store = createMemoryUsageStore(), interval = 60, retention = 90 * DAY } = options
  const counter = createCounter({ clock, maxKeys: MAX_KEYS, onCount: () => flusher.schedule() })
  const failures = createFailureLog({ log, inform },
    'counts of requests are not written; they wait for the next attempt', 'counts of requests are written again')
  const onAdded = events && createUsageEvents(events)
  const flusher = createFlusher({ store, counter, clock, interval, retention, failures, log, onAdded })

  async function read (query: UsageQuery): Promise<readonly UsageSum[]> {
    const { workspace, environment } = query
    if (!isName(workspace) || !isName(environment)) throw invalid('workspace and environment must be names')
    const keyIds = query.keyIds.filter((id) => id === null || isId(id))
    try {
      return await withTimeout(Promise.resolve(store.read({ ...query, keyIds })), deadline, 'the usage store')
    } catch (fault) {
      throw new AccessError('USAGE_UNAVAILABLE', { reason: describeFault(fault), retryAfter: 1 })
    }
  }

  return {
    usage: {
      async of (workspace, keyId, { environment, ...input }) {
        const range = readRange(input, clock())
        return reportOf(range, await read({ workspace, environment, keyIds: [keyId], ...range }))
      },
      async ofWorkspace (workspace, { environment, keys, ...input }) {
        const ids = [...new Set(keys)]
        if (ids.length > MAX_REPORTED_KEYS) throw invalid(`keys must be at most ${MAX_REPORTED_KEYS} ids`)
        const range = readRange(input, clock())
        checkSize(ids.length, range)
        const sums = await read({ workspace, environment, keyIds: [null, ...ids], ...range })
        const report = reportOf(range, sums.filter(({ keyId }) => keyId === null))
        if (keys === undefined) return report
        const ofKeys = groupBy(sums.filter(({ keyId }) => keyId !== null), ({ keyId }) => String(keyId))
        return { ...report, keys: Object.fromEntries(ids.map((id) => [id, bucketsOf(ofKeys.get(id) ?? [])])) }
      },
      flush: flusher.flush
    },
    count: counter.count,
    ready: () => storeReady(store, deadline),
    close: flusher.close
  }
}

/** @throws AccessError KEY_INPUT_INVALID with how many keys the range allows */
function checkSize (keys: number, { by, from, to }: WholeRange): void {
  const buckets = (to - from) / LENGTHS[by]
  if (keys * buckets <= MAX_REPORTED_BUCKETS) return
  const most = Math.floor(MAX_REPORTED_BUCKETS / buckets)
  throw invalid(`keys times ${by}s must be at most ${MAX_REPORTED_BUCKETS}, not ${keys * buckets}: ask for at most ` +
    `${most} keys at a time, or for a shorter range`)
}

function invalid (detail: string): AccessError {
  return new AccessError('KEY_INPUT_INVALID', { detail, reason: detail })
}
