import type { Principal } from '../core/principal.js'
import type { EventOrigin } from '../events/index.js'
import type { ImportKeys } from './import/import-row.js'
import type { ExceedableField } from './lifecycle/privilege-table.js'
import type { IssueInput, ListInput, RevokeInput, RotateInput, UpdateInput } from './lifecycle/record-schema.js'
import type { ApiKey } from './record.js'

/** Who changes a key, where it is not the host itself. */
export interface KeyCaller {
  /**
   * Limits what is done to keys of its workspace and environment that have no more than it has itself: scopes, owner,
   * tier and end. Revoking a key, and taking away from it, is always allowed. A key that it issues gets its owner and
   * tier.
   */
  by?: Principal | undefined
  /** Fields in which keys may exceed the caller; none by default. */
  mayExceed?: readonly ExceedableField[] | undefined
  /** Where the request came from; events name it. */
  from?: EventOrigin | undefined
}

/** A key after a change, and when the change is in force everywhere. */
export interface Changed {
  readonly key: ApiKey
  /** Seconds after which every process uses this version at the latest; 0 where each does so at its next request. */
  readonly effectiveWithin: number
}

/**
 * Keys of a host: `app.latchkey.keys`. All methods throw AccessErrors: `KEY_INPUT_INVALID` with the field and the fix
 * in `detail`; `KEY_NOT_FOUND`, also for a key of another workspace; `KEY_CONFLICT` where the key's state forbids the
 * change, or another change was faster; `INSUFFICIENT_SCOPE` and `KEY_EXCEEDS_CALLER` where the key has more than
 * `by`; `KEYS_UNAVAILABLE` when the store fails.
 *
 * ```ts
 * const { key, secret } = await app.latchkey.keys.issue({ workspace: 'w1', scopes: ['devices:read'] })
 * ```
 */
export interface Keys {
  /** Issues a key. The secret is returned this once and stored nowhere. */
  issue (input: IssueInput, caller?: KeyCaller): Promise<{ key: ApiKey, secret: string }>
  get (workspace: string, id: string, caller?: KeyCaller): Promise<ApiKey>
  /** Keys of a workspace, newest first; `next` is the `cursor` of the following page, where there is one. */
  list (workspace: string, page?: ListInput): Promise<{ keys: readonly ApiKey[], next?: string }>
  /** Changes what the input names. A key that has expired may get another expiry; a revoked key stays as it is. */
  update (workspace: string, id: string, input: UpdateInput, caller?: KeyCaller): Promise<Changed>
  /** Makes a key expire now. */
  expire (workspace: string, id: string, caller?: KeyCaller): Promise<Changed>
  /**
   * Gives a key a new secret; id, scopes, counters and history stay. Every earlier secret ends at once, or `grace`
   * seconds later unless it ends sooner. Of several rotations at once, one succeeds.
   */
  rotate (workspace: string, id: string, input?: RotateInput, caller?: KeyCaller): Promise<Changed & { secret: string }>
  /** Revokes a key, at once and for good. Revoking a revoked key changes nothing. */
  revoke (workspace: string, id: string, input?: RevokeInput, caller?: KeyCaller): Promise<Changed>
  /**
   * Starts the grace period that waits for the first use of a secret; changes nothing where none does.
   * @param generation of the secret that was used
   */
  beginGrace (workspace: string, id: string, generation: number): Promise<void>
  /**
   * Takes secrets that were found where others can read them, at most 1000: revokes their keys, or, with
   * `revoke: false`, only emits `key.exposed`. The answer is the same whatever they are; the time it takes is not, so
   * answer before it where anybody may report.
   */
  reportExposed (secrets: readonly string[], options?: { revoke?: boolean | undefined }): Promise<{ received: number }>
  /**
   * Adds keys of another system by the hashes of their secrets, 1000 at most a call; calling it again with the same
   * rows changes nothing. Each row is answered: imported, there already, or refused, and why. Emits no events.
   *
   * ```ts
   * const rows = [{ hash: '5e88…', workspace: 'w1', scopes: ['read'] }]
   * await app.latchkey.keys.import(rows, { format: 'old', scopesOf: (scope) => scopesByOldName.get(scope) })
   * ```
   */
  import: ImportKeys
  /** True when the principal's scopes, with what they imply, include all of these. */
  grants (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): boolean
  /** Makes the next request of an owner's keys ask `permissionsOf` again, in this process. */
  forgetPermissions (owner: string, workspace: string): void
  /** Finds secrets that were issued here, not those of `keys.formats`: for secret scanners and log redaction. */
  readonly secretPattern: RegExp
}
