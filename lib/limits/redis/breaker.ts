/** Batches in a row that must fail before nobody asks any more. */
const FAILURES = 3
/** Milliseconds until the first probe, doubled by each that fails. */
const FIRST_WAIT = 250
const LONGEST_WAIT = 2_000

export interface CircuitBreaker {
  /** Everybody may ask. */
  readonly closed: boolean
  /** Whether to ask. Where it is open, and a probe is due, says so once. */
  enter (): boolean
  succeeded (): void
  failed (reason: string): void
  /** A probe may go at once, such as over a new connection. */
  hasten (): void
  /** Whole seconds from 1 on; not the same for everybody, so that not all come back at once. */
  retryAfter (): number
}

export interface CircuitBreakerDeps {
  /** Milliseconds that only go forward. */
  readonly now: () => number
  /** From 0 to below 1. */
  readonly random: () => number
  readonly onChange: (state: 'available' | 'unavailable', reason: string) => void
}

/** Stops asking after a few failures in a row; from then on one probe at a time finds out when it works again. */
export function createCircuitBreaker ({ now, random, onChange }: CircuitBreakerDeps): CircuitBreaker {
  let state: 'closed' | 'open' | 'probing' = 'closed'
  let failures = 0
  let wait = FIRST_WAIT
  let probeAt = 0

  function open (): void {
    state = 'open'
    probeAt = now() + wait * (0.75 + random() / 2)
    wait = Math.min(2 * wait, LONGEST_WAIT)
  }

  return {
    get closed () { return state === 'closed' },
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
      wait = FIRST_WAIT
      onChange('available', 'a probe was answered')
    },
    failed (reason) {
      failures++
      if (state === 'probing') return open()
      if (state === 'open' || failures < FAILURES) return
      open()
      onChange('unavailable', reason)
    },
    hasten () {
      probeAt = now()
    },
    retryAfter: () => Math.ceil(Math.max(1, (probeAt - now()) / 1000) + 2 * random())
  }
}
