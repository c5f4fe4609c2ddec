import { randomUUID } from 'node:crypto'
import type { TSchema } from '@sinclair/typebox'
import { AccessError } from '../errors.js'
import type { Principal } from '../principal.js'
import type { Clock } from '../time.js'
import { changeStored, findKey, inTime, isName, type Next, type Target } from './change.js'
import { writeCursor } from './cursor.js'
import type { Tell } from './events.js'
import { createExposureDesk } from './exposed.js'
import { invalid, readIssueInput, readListInput, readRevokeInput, readRotateInput, readUpdateInput, type Known } from './input.js'
import type { Keys } from './keys.js'
import { beginGraceOf, changeKey, differences, expireKey, generationOf, isExpired, revokeKey, rotateKey } from './life.js'
import type { Marks } from './marks.js'
import { endOf, type Privilege } from './privilege.js'
import { copyKey, type ApiKey } from './record.js'
import type { KeyStore } from './store.js'
import { hashKeyText, hintOf, type KeyText } from './text.js'

interface Parts {
  readonly text: KeyText
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
  readonly marks: Marks
  readonly tell: Tell
}

/** input → read → decide → compare and set → tell → mark. */
export function createLifecycle ({ text, store, clock, deadline, scopes, tagOf, metadata, privilege, marks, tell }: Parts): Omit<Keys, 'pattern' | 'forgetPermissions'> {
  const known = (by?: Principal): Known => ({ now: clock(), scopes, tagOf, metadata, by })
  const change = (target: Target, next: Next) => inTime(changeStored(store, target, next), deadline)

  /** Whoever hands out a key may do all that it permits, and for as long. */
  function checkPrivilege (by: Principal | undefined, key: Pick<ApiKey, 'scopes' | 'expiresAt'>): void {
    privilege.checkScopes(by, key.scopes)
    const end = by === undefined ? Infinity : endOf(by)
    if (end === Infinity || (key.expiresAt !== undefined && key.expiresAt.getTime() <= end)) return
    throw invalid(`expiresAt must be ${new Date(end).toISOString()} at the latest, when the credential ends that manages the key`)
  }

  const keys: Omit<Keys, 'pattern' | 'forgetPermissions'> = {
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
      await inTime(insert(key, secret), deadline)
      tell({ type: 'key.issued' }, key, { by, from })
      return { key, text: secret }
    },

    get: (workspace, id, { by } = {}) => inTime(findKey(store, { workspace, id, by }), deadline),

    async list (workspace, input = {}) {
      const page = readListInput(input)
      if (!isName(workspace)) throw invalid('workspace must be the name of a workspace')
      const { keys, next } = await inTime(ask(workspace, page), deadline)
      return { keys, ...next !== undefined && { next: writeCursor(next) } }
    },

    async update (workspace, id, input, { by, from } = {}) {
      const wanted = readUpdateInput(input, known())
      const { before, key } = await change({ workspace, id, by }, (key) => {
        checkAlive(key, wanted.version)
        privilege.checkScopes(by, key.scopes)
        const changed = changeKey(key, wanted.change)
        const fields = differences(key, changed)
        if (fields.includes('scopes') || fields.includes('expiresAt')) checkPrivilege(by, changed)
        return { key: fields.length === 0 ? key : changed }
      })
      if (key !== before) tell({ type: 'key.updated', changed: differences(before, key) }, key, { by, from })
      return { key, holdsWithin: await marks.spread(key) }
    },

    async expire (workspace, id, { by, from } = {}) {
      const { before, key } = await change({ workspace, id, by }, (key) => {
        checkAlive(key)
        return { key: expireKey(key, clock()) }
      })
      if (key !== before) tell({ type: 'key.expired' }, key, { by, from })
      return { key, holdsWithin: await marks.spread(key) }
    },

    async rotate (workspace, id, input = {}, { by, from } = {}) {
      const { grace, version } = readRotateInput(input)
      let generation: number | undefined
      let secret = ''
      const { key } = await change({ workspace, id, by }, (key) => {
        checkAlive(key, version)
        if (isExpired(key, clock())) throw conflict('The key has expired.')
        generation ??= generationOf(key)
        if (generation !== generationOf(key)) throw conflict('The key was rotated meanwhile.')
        checkPrivilege(by, key)
        const tag = tagOf.get(key.environment)
        if (tag === undefined) throw conflict(`No more keys are issued for ${key.environment}.`)
        secret = text.generate(tag)
        return { key: rotateKey(key, hintOf(secret), grace, clock()), hash: hashKeyText(secret) }
      })
      tell({ type: 'key.rotated' }, key, { by, from })
      return { key, text: secret, holdsWithin: await marks.spread(key) }
    },

    async revoke (workspace, id, input = {}, { by, from } = {}) {
      const { reason } = readRevokeInput(input)
      const { before, key } = await change({ workspace, id, by }, (key) => ({ key: revokeKey(key, reason, clock()) }))
      if (key !== before) tell({ type: 'key.revoked' }, key, { by, from })
      return { key, holdsWithin: await marks.spread(key) }
    },

    async beginGrace (workspace, id, generation) {
      const { before, key } = await change({ workspace, id, by: undefined }, (key) => ({ key: beginGraceOf(key, generation, clock()) }))
      if (key !== before) await marks.spread(key)
    },

    reportExposed: (...report) => reportExposed(...report),
    grants: privilege.grants
  }
  const reportExposed = createExposureDesk({ text, store, clock, keys, tell, inTime: (work) => inTime(work, deadline) })

  async function insert (key: ApiKey, secret: string): Promise<void> {
    await store.insert(key, hashKeyText(secret))
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
