import { randomUUID } from 'node:crypto'
import type { TSchema } from '@sinclair/typebox'
import { AccessError } from '../../core/errors.js'
import type { Principal } from '../../core/principal.js'
import type { Clock } from '../../core/clock.js'
import { createUpdateKey, findKey, inTime, isName, type OnUpdated } from './update-key.js'
import { writeCursor } from '../../core/cursor.js'
import type { Happening, Tell } from './events.js'
import { createLeakReport } from './leak-report.js'
import { invalid, readIssueInput, readListInput, readRevokeInput, readRotateInput, readUpdateInput, type Known } from './input.js'
import type { KeyCaller, Keys } from '../keys.js'
import { beginGraceOf, changeKey, differences, expireKey, generationOf, isExpired, revokeKey, rotateKey } from './transitions.js'
import type { VersionMarkers } from '../verification/version-markers.js'
import { endOf, type Privilege } from './privilege.js'
import { copyKey, type ApiKey } from '../record.js'
import type { KeyStore } from '../store.js'
import { hashSecret, hintOf, type SecretFormat } from '../secret-format.js'

interface Parts {
  readonly text: SecretFormat
  readonly store: KeyStore
  readonly clock: Clock
  /** Seconds that the store may take. */
  readonly deadline: number
  readonly scopes: readonly string[]
  /** Environment → tag. */
  readonly tagOf: ReadonlyMap<string, string>
  /** What the host's metadata look like. */
  readonly metadata: TSchema | undefined
  readonly privilege: Privilege
  readonly marks: VersionMarkers
  readonly tell: Tell
}

/** input → its turn → read → decide → compare and set → tell → mark. */
export function createLifecycle ({ text, store, clock, deadline, scopes, tagOf, metadata, privilege, marks, tell }: Parts): Omit<Keys, 'secretPattern' | 'forgetPermissions'> {
  const known = (by?: Principal): Known => ({ now: clock(), scopes, tagOf, metadata, by })
  const change = createUpdateKey(store, deadline)

  /** Tells of a change, where there was one, and marks the key in any case: an earlier marker may have been missed. */
  function telling (what: (before: ApiKey, key: ApiKey) => Happening, changer: KeyCaller): OnUpdated {
    return (before, key) => {
      if (key !== before) tell(what(before, key), key, changer)
      return marks.publish(key)
    }
  }

  /** Whoever hands out a key may do all that it permits, and for as long. */
  function checkPrivilege (by: Principal | undefined, key: Pick<ApiKey, 'scopes' | 'expiresAt'>): void {
    privilege.checkScopes(by, key.scopes)
    const end = by === undefined ? Infinity : endOf(by)
    if (end === Infinity || (key.expiresAt !== undefined && key.expiresAt.getTime() <= end)) return
    throw invalid(`expiresAt must be ${new Date(end).toISOString()} at the latest, when the credential ends that manages the key`)
  }

  const keys: Omit<Keys, 'secretPattern' | 'forgetPermissions'> = {
    async issue (input, { by, from } = {}) {
      const { tag, fields } = readIssueInput(input, known(by))
      if (by !== undefined && fields.workspace !== by.workspace) throw new AccessError('KEY_NOT_FOUND')
      if (by !== undefined && fields.environment !== by.environment) {
        throw new AccessError('WRONG_ENVIRONMENT', { detail: `The key would belong to ${fields.environment}; the credential that issues it belongs to ${by.environment}.` })
      }
      checkPrivilege(by, fields)
      const secret = text.generate(tag)
      const createdAt = new Date(clock())
      const key = copyKey({ id: `key_${randomUUID()}`, ...fields, secrets: [{ generation: 1, hint: hintOf(secret), createdAt }], createdAt, version: 1 })
      await inTime(insert(key, secret).then(() => tell({ type: 'key.issued' }, key, { by, from })), deadline)
      return { key, secret: secret }
    },

    get: (workspace, id, { by } = {}) => inTime(findKey(store, { workspace, id, by }), deadline),

    async list (workspace, input = {}) {
      const page = readListInput(input)
      if (!isName(workspace)) throw invalid('workspace must be the name of a workspace')
      const { keys, next } = await inTime(ask(workspace, page), deadline)
      return { keys, ...next !== undefined && { next: writeCursor(next) } }
    },

    async update (workspace, id, input, caller = {}) {
      const { by } = caller
      const wanted = readUpdateInput(input, known())
      return await change({ workspace, id, by }, (key) => {
        checkAlive(key, wanted.version)
        privilege.checkScopes(by, key.scopes)
        const changed = changeKey(key, wanted.change)
        const fields = differences(key, changed)
        if (fields.includes('scopes') || fields.includes('expiresAt')) checkPrivilege(by, changed)
        return { key: fields.length === 0 ? key : changed }
      }, telling((before, key) => ({ type: 'key.updated', changed: differences(before, key) }), caller))
    },

    expire: (workspace, id, caller = {}) => change({ workspace, id, by: caller.by }, (key) => {
      checkAlive(key)
      return { key: expireKey(key, clock()) }
    }, telling(() => ({ type: 'key.expired' }), caller)),

    async rotate (workspace, id, input = {}, caller = {}) {
      const { by } = caller
      const { grace, version } = readRotateInput(input)
      let generation: number | undefined
      let secret = ''
      const changed = await change({ workspace, id, by }, (key) => {
        checkAlive(key, version)
        if (isExpired(key, clock())) throw conflict('The key has expired.')
        generation ??= generationOf(key)
        if (generation !== generationOf(key)) throw conflict('The key was rotated meanwhile.')
        checkPrivilege(by, key)
        const tag = tagOf.get(key.environment)
        if (tag === undefined) throw conflict(`No more keys are issued for ${key.environment}.`)
        secret = text.generate(tag)
        return { key: rotateKey(key, hintOf(secret), grace, clock()), hash: hashSecret(secret) }
      }, telling(() => ({ type: 'key.rotated' }), caller))
      return { ...changed, secret: secret }
    },

    async revoke (workspace, id, input = {}, caller = {}) {
      const { reason } = readRevokeInput(input)
      return await change({ workspace, id, by: caller.by }, (key) => ({ key: revokeKey(key, reason, clock()) }), telling(() => ({ type: 'key.revoked' }), caller), true)
    },

    async beginGrace (workspace, id, generation) {
      await change({ workspace, id, by: undefined }, (key) => ({ key: beginGraceOf(key, generation, clock()) }), (before, key) => key === before ? 0 : marks.publish(key))
    },

    reportExposed: (...report) => reportExposed(...report),
    grants: privilege.grants
  }
  const reportExposed = createLeakReport({ text, store, clock, keys, tell, inTime: (work) => inTime(work, deadline) })

  async function insert (key: ApiKey, secret: string): Promise<void> {
    await store.insert(key, hashSecret(secret))
  }

  async function ask (...list: Parameters<KeyStore['list']>) {
    return await store.list(...list)
  }

  return keys
}

function checkAlive (key: ApiKey, version = key.version): void {
  if (key.revokedAt !== undefined) throw conflict('The key was revoked.')
  if (version !== key.version) throw conflict(`The key is at version ${key.version}, not ${version}.`)
}

function conflict (detail: string): AccessError {
  return new AccessError('KEY_CONFLICT', { detail, reason: detail })
}
