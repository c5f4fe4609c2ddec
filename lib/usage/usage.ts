import type { UsageRange } from './range.js'
import type { UsageReport, WorkspaceUsageReport } from './report.js'

/** What to report of a workspace. */
export interface WorkspaceUsageInput extends UsageRange {
  readonly environment: string
  /** Ids of keys, at most 100, whose own buckets are reported too: at most 5000 hours or days of all keys. */
  readonly keys?: readonly string[] | undefined
}

/**
 * Counts of requests by key, UTC hour and outcome: `app.latchkey.usage`. A process writes what it counted once in
 * `interval`, so that reports are behind by so much. Reports throw AccessErrors: `KEY_INPUT_INVALID` with what is wrong
 * and the fix (400), and `USAGE_UNAVAILABLE` where the store fails (503).
 *
 * ```ts
 * const { buckets } = await app.latchkey.usage.of('w1', key.id, { environment: 'production', by: 'day' })
 * ```
 */
export interface Usage {
  /** Requests of one key. */
  of (workspace: string, keyId: string, range: UsageRange & { readonly environment: string }): Promise<UsageReport>
  /** Requests of all keys of a workspace in an environment. */
  ofWorkspace (workspace: string, input: WorkspaceUsageInput): Promise<WorkspaceUsageReport>
  /** Writes what this process has counted, such as before a test reads it. @returns whether the store took all of it */
  flush (): Promise<boolean>
}
