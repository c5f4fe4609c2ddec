/** Calls in a row that must fail before the breaker opens. */
const MAX_FAILURES = 3
/** Milliseconds until the first probe; doubled by each probe that fails. */
const FIRST_PROBE_MS = 250
const MAX_PROBE_MS = 2_000

export interface CircuitBreaker {
  /** Whether to ask. While the breaker is open it lets one probe through at a time, when one is due. */
  enter (): boolean
  succeeded (): void
  failed (reason: string): void
  /** Makes a probe due at once, such as over a new connection. */
  probeNow (): void
  /** Whole seconds, at least 1; varies, so that callers do not all come back at once. */
  retryAfter (): number
}

export interface CircuitBreakerDeps {
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly onChange: (state: 'available' | 'unavailable', reason: string) => void
}

/** Stops asking after a few failures in a row; then one probe at a time finds out when it works again. */
export function createCircuitBreaker ({ now, random, onChange }: CircuitBreakerDeps): CircuitBreaker {
  let state: 'closed' | 'open' | 'probing' = 'closed'
  let failures = 0
  let wait = FIRST_PROBE_MS
  let probeAt = 0

  function open (): void {
    state = 'open'
    probeAt = now() + wait * (0.75 + random() / 2)
    wait = Math.min(2 * wait, MAX_PROBE_MS)
  }

  return {
    enter () {
      if (state === 'closed') return true
      if (state === 'probing' || now() < probeAt) return false
      state = 'probing'
      return true
    },
    succeeded () {
      failures = 0
      if (state === 'closed') return
      state = 'closed'
      wait = FIRST_PROBE_MS
      onChange('available', 'a probe was answered')
    },
    failed (reason) {
      failures++
      if (state === 'probing') return open()
      if (state === 'open' || failures < MAX_FAILURES) return
      open()
      onChange('unavailable', reason)
    },
    probeNow () {
      probeAt = now()
    },
    retryAfter: () => Math.ceil(Math.max(1, (probeAt - now()) / 1000) + 2 * random())
  }
}
