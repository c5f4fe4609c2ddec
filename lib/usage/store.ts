/** What was decided of a request: `ADMITTED`, or the code of its refusal. */
export type UsageOutcome = string

/** Requests of one UTC hour that had the same outcome. */
export interface UsageCount {
  readonly workspace: string
  readonly environment: string
  /** Null counts all keys of the workspace and environment together; such counts are written as well. */
  readonly keyId: string | null
  /** When the hour began, in milliseconds since the Unix epoch. */
  readonly at: number
  readonly outcome: UsageOutcome
  /** At least 1. */
  readonly requests: number
}

/** What one process counted since its last batch. */
export interface UsageBatch {
  /** The process, by a random text that is new each time it starts. */
  readonly writer: string
  /** 1, 2, 3, … in the order in which the writer adds its batches, one at a time. */
  readonly sequence: number
  /** When it was made, in milliseconds since the Unix epoch. */
  readonly madeAt: number
  /** Seconds for which counts are kept at least; for stores that let them expire. */
  readonly retention: number
  /** At most one for each key, hour and outcome. */
  readonly counts: readonly UsageCount[]
}

export interface UsageQuery {
  readonly workspace: string
  readonly environment: string
  /** Null asks for the counts of all keys together. */
  readonly keyIds: ReadonlyArray<string | null>
  /** Whole UTC hours or days by `by`, in milliseconds since the Unix epoch; `to` is exclusive. */
  readonly from: number
  readonly to: number
  readonly by: 'hour' | 'day'
}

/** Requests of one UTC hour or day that had the same outcome. */
export type UsageSum = Pick<UsageCount, 'keyId' | 'at' | 'outcome' | 'requests'>

/** Where counts of requests are kept. A method that fails throws or rejects; `StoreError` messages are logged. */
export interface UsageStore {
  /**
   * Adds all counts of a batch to those that are there, or none of them.
   * A batch whose outcome is unknown is added again as it was: one whose sequence is not above the last one of its
   * writer changes nothing. A store that splits a batch must keep to this for each part.
   */
  add (batch: UsageBatch): void | Promise<void>
  /** Sums by key, hour or day, and outcome, in any order; what has no request is left out. */
  read (query: UsageQuery): readonly UsageSum[] | Promise<readonly UsageSum[]>
  /** Forgets the hours before an instant (milliseconds since the Unix epoch). Processes may call it at once. */
  prune (before: number): void | Promise<void>
  /** Rejects where the store can never work as it is; the server does not start then. */
  ready? (): Promise<void>
}
