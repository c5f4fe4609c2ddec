import type { Principal } from '../core/principal.js'
import type { KeyOrigin } from './lifecycle/events.js'
import type { ApiKey } from './record.js'
import type { IssueInput, ListInput, RevokeInput, RotateInput, UpdateInput } from './lifecycle/record-schema.js'

/** Who acts, where it is not the host itself. */
export interface KeyCaller {
  /**
   * Bounds what is done: keys of its workspace and environment alone, and none that permits more than it, or longer.
   * What it issues has its owner and tier, unless the input says otherwise.
   */
  by?: Principal | undefined
  /** Where the request came from, for who hears of the change. */
  from?: KeyOrigin | undefined
}

/** A key as it is now, and since when that holds everywhere. */
export interface Changed {
  readonly key: ApiKey
  /**
   * Seconds within which every process goes by it: 0 where their shared store of counters was told, or none keeps
   * keys for itself.
   */
  readonly effectiveWithin: number
}

/**
 * What a host does with keys, and what `auth` asks of them. All of it throws AccessErrors: `KEY_INPUT_INVALID` with the
 * field and the fix in `detail`; `KEY_NOT_FOUND`, also for a key of another workspace; `KEY_CONFLICT` where the key's
 * state forbids the change, or somebody else was first; `INSUFFICIENT_SCOPE` where `by` may do less than the key;
 * `KEYS_UNAVAILABLE` when the store fails.
 */
export interface Keys {
  /** Issues a key. The text is returned this once and kept nowhere. */
  issue (input: IssueInput, caller?: KeyCaller): Promise<{ key: ApiKey, secret: string }>
  get (workspace: string, id: string, caller?: KeyCaller): Promise<ApiKey>
  /** Keys of a workspace, newest first; `next` is the `cursor` of the page after, where there is one. */
  list (workspace: string, page?: ListInput): Promise<{ keys: readonly ApiKey[], next?: string }>
  /** Changes what the input names. A key that has expired may get another expiry; a revoked one stays as it is. */
  update (workspace: string, id: string, input: UpdateInput, caller?: KeyCaller): Promise<Changed>
  /** Lets a key expire now. */
  expire (workspace: string, id: string, caller?: KeyCaller): Promise<Changed>
  /**
   * Gives a key another secret; id, scopes, counters and history stay. Every earlier secret dies at once, or `grace`
   * seconds later where it has no less time. Of several at once, one succeeds.
   */
  rotate (workspace: string, id: string, input?: RotateInput, caller?: KeyCaller): Promise<Changed & { secret: string }>
  /** Revokes a key, at once and for good. Revoking a revoked key changes nothing. */
  revoke (workspace: string, id: string, input?: RevokeInput, caller?: KeyCaller): Promise<Changed>
  /**
   * Starts the grace that waits for the first use of a secret; changes nothing where none does.
   * @param generation of the secret that was used
   */
  beginGrace (workspace: string, id: string, generation: number): Promise<void>
  /**
   * Takes texts that were found where others can read them, at most 1000: revokes the keys that they open, or, with
   * `revoke: false`, only tells `onEvent`. The answer is the same whatever they are, and so may be repeated; the time
   * that it takes is not, so that an endpoint for anybody answers before.
   */
  reportExposed (texts: readonly string[], options?: { revoke?: boolean | undefined }): Promise<{ received: number }>
  /** True when the principal's scopes, with what they imply, include all of these. */
  grants (principal: Pick<Principal, 'scopes'>, scopes: readonly string[]): boolean
  /** Lets the next request of an owner's keys ask `permissionsOf` again, in this process. */
  forgetPermissions (owner: string, workspace: string): void
  /** Finds keys of this host in text: for secret scanners and log redaction. */
  readonly secretPattern: RegExp
}
