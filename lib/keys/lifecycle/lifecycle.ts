import { randomUUID } from 'node:crypto'
import type { Clock } from '../../core/clock.js'
import { writeCursor } from '../../core/cursor.js'
import { AccessError } from '../../core/errors.js'
import { isName } from '../../core/name.js'
import type { Principal } from '../../core/principal.js'
import type { OnBroken } from '../../core/stored-record.js'
import { newestGeneration } from '../codec.js'
import type { Secrets } from '../import/secrets.js'
import type { KeyCaller, Keys } from '../keys.js'
import { copyKey, type ApiKey } from '../record.js'
import { hashSecret, hintOf, type SecretFormat } from '../secret-format.js'
import type { KeyPage, KeyStore } from '../store.js'
import type { KeyEvents } from './events.js'
import {
  invalid, readIssueInput, readListInput, readRevokeInput, readRotateInput, readUpdateInput, type InputContext
} from './input.js'
import { createLeakReport } from './leak-report.js'
import type { Privilege } from './privilege.js'
import { beginGraceOf, changeKey, differences, expireKey, isExpired, revokeKey, rotateKey } from './transitions.js'
import { createUpdateKey, findKey, inTime } from './update-key.js'

export interface LifecycleDeps extends Pick<InputContext, 'scopes' | 'tagOf' | 'metadata'> {
  readonly format: SecretFormat
  readonly secrets: Secrets
  readonly store: KeyStore
  readonly clock: Clock
  /** Seconds that the store may take. */
  readonly deadline: number
  readonly privilege: Privilege
  /** Makes every process use a key's version. @returns seconds after which they do at the latest */
  readonly publish: (key: ApiKey) => Promise<number>
  readonly events: KeyEvents
  /** Logs a record that a list or a report of leaks passes over. */
  readonly onBroken: OnBroken
}

/** What a host does with keys: read the input, change the key, emit an event, publish the version. */
export type Lifecycle = Omit<Keys, 'secretPattern' | 'forgetPermissions' | 'import'>

export function createLifecycle (deps: LifecycleDeps): Lifecycle {
  const { format, store, clock, deadline, scopes, tagOf, metadata, privilege, publish, events, onBroken } = deps
  const contextFor = (by?: Principal): InputContext => ({ now: clock(), scopes, tagOf, metadata, by })
  const updateKey = createUpdateKey({ store, clock, deadline, events, publish })

  async function insert (key: ApiKey, secret: string, caller: KeyCaller): Promise<void> {
    const event = events.eventOf({ type: 'key.issued' }, key, caller)
    await store.insert(key, hashSecret(secret), events.toStore(event))
    events.emit(event, key)
  }

  async function listPage (workspace: string, page: KeyPage) {
    return await store.list(workspace, page, onBroken)
  }

  const keys: Omit<Lifecycle, 'reportExposed'> = {
    async issue (input, caller = {}) {
      const { by } = caller
      const { tag, fields } = readIssueInput(input, contextFor(by))
      privilege.check(caller, 'issue', fields)
      const secret = format.generate(tag)
      const createdAt = new Date(clock())
      const secrets = [{ generation: 1, hint: hintOf(secret), createdAt }]
      const key = copyKey({ id: `key_${randomUUID()}`, ...fields, secrets, createdAt, version: 1 })
      await inTime(insert(key, secret, caller), deadline)
      return { key, secret }
    },

    get: (workspace, id, { by } = {}) => inTime(findKey(store, { workspace, id, by }), deadline),

    async list (workspace, input = {}) {
      const page = readListInput(input)
      if (!isName(workspace)) throw invalid('workspace must be the name of a workspace')
      const { keys, next } = await inTime(listPage(workspace, page), deadline)
      return { keys, ...next !== undefined && { next: writeCursor(next) } }
    },

    async update (workspace, id, input, caller = {}) {
      const { by } = caller
      const { change, version } = readUpdateInput(input, contextFor())
      return await updateKey({
        target: { workspace, id, by },
        decide (key) {
          checkChangeable(key, version)
          const changed = changeKey(key, change)
          privilege.checkUpdate(caller, key, changed)
          return { key: differences(key, changed).length === 0 ? key : changed }
        },
        action: (before, key) => ({ type: 'key.updated', changed: differences(before, key) }),
        caller
      })
    },

    expire: (workspace, id, caller = {}) => updateKey({
      target: { workspace, id, by: caller.by },
      decide (key) {
        checkChangeable(key)
        privilege.check(caller, 'restrict', key)
        return { key: expireKey(key, clock()) }
      },
      action: () => ({ type: 'key.expired' }),
      caller
    }),

    async rotate (workspace, id, input = {}, caller = {}) {
      const { by } = caller
      const { grace, version } = readRotateInput(input)
      let secret = ''
      let generation: number | undefined
      const changed = await updateKey({
        target: { workspace, id, by },
        decide (key) {
          checkChangeable(key, version)
          if (isExpired(key, clock())) throw conflict('The key has expired.')
          // A rotation replaces the secret that was the newest when it was asked for, and no other.
          generation ??= newestGeneration(key)
          if (generation !== newestGeneration(key)) throw conflict('The key was rotated meanwhile.')
          privilege.check(caller, 'rotate', key)
          const tag = tagOf.get(key.environment)
          if (tag === undefined) throw conflict(`No more keys are issued for ${key.environment}.`)
          secret = format.generate(tag)
          return { key: rotateKey(key, hintOf(secret), grace, clock()), hash: hashSecret(secret) }
        },
        action: () => ({ type: 'key.rotated' }),
        caller
      })
      return { ...changed, secret }
    },

    async revoke (workspace, id, input = {}, caller = {}) {
      const { reason } = readRevokeInput(input)
      return await updateKey({
        target: { workspace, id, by: caller.by },
        decide (key) {
          privilege.check(caller, 'restrict', key)
          return { key: revokeKey(key, reason, clock()) }
        },
        action: () => ({ type: 'key.revoked' }),
        caller,
        urgent: true
      })
    },

    async beginGrace (workspace, id, generation) {
      await updateKey({
        target: { workspace, id },
        decide: (key) => ({ key: beginGraceOf(key, generation, clock()) })
      })
    },

    grants: privilege.grants
  }

  const reportExposed = createLeakReport({ ...deps, keys })
  return { ...keys, reportExposed }
}

function checkChangeable (key: ApiKey, version = key.version): void {
  if (key.revokedAt !== undefined) throw conflict('The key was revoked.')
  if (version !== key.version) throw conflict(`The key is at version ${key.version}, not ${version}.`)
}

function conflict (detail: string): AccessError {
  return new AccessError('KEY_CONFLICT', { detail, reason: detail })
}
