import { channel } from 'node:diagnostics_channel'
import type { Outcome } from '../store.js'

/** Published on the `latchkey:limits` channel of node:diagnostics_channel for each batch, also for one never sent. */
export interface LimitsMessage {
  /** Requests of the batch: admitted + limited + unavailable. */
  readonly takes: number
  readonly admitted: number
  readonly limited: number
  /** Not decided by Redis, whatever `onUnavailable` made of it. */
  readonly unavailable: number
  /** From sending to the answer; 0 where nothing was sent. */
  readonly seconds: number
}

const limits = channel('latchkey:limits')

/** @param outcomes undefined for a take that Redis has not decided */
export function publishBatch (outcomes: ReadonlyArray<Outcome | undefined>, seconds: number): void {
  if (!limits.hasSubscribers) return
  let admitted = 0
  let unavailable = 0
  for (const outcome of outcomes) {
    if (outcome === undefined) unavailable++
    else if (outcome.admitted) admitted++
  }
  const takes = outcomes.length
  publish({ takes, admitted, limited: takes - admitted - unavailable, unavailable, seconds })
}

export function publishUnavailable (takes: number, seconds: number): void {
  if (limits.hasSubscribers) publish({ takes, admitted: 0, limited: 0, unavailable: takes, seconds })
}

function publish (message: LimitsMessage): void {
  limits.publish(message)
}
