import { Type, type Static } from '@sinclair/typebox'
import {
  at, caller, cursor, id, instant, InWorkspace, limit, line, next, orNull, strict, updatedBy, workspaces
} from './schemas.js'

const name = line('For people, to tell keys apart.')
const granted = 'Scopes, all of which the caller has itself; an empty list grants nothing.'
const scopes = Type.Array(Type.String({ maxLength: 256 }), { maxItems: 1000, description: granted })
const expiresAt = instant('Not valid from this instant on: an RFC 3339 date-time in the future.')
const note = Type.Union([Type.String({ maxLength: 512 }), Type.Number(), Type.Boolean(), Type.Null()])
const notes = 'Notes of yours, by names of up to 64 characters.'
const metadata = Type.Object({}, { additionalProperties: note, maxProperties: 32, description: notes })
const version = Type.Integer({ minimum: 1, description: 'Changes the key only if this is still its version.' })

export const Params = Type.Object({ id: id('key') })

export const ListQuery = Type.Object({
  ...InWorkspace.properties,
  limit: limit('keys'),
  cursor,
  owner: Type.Optional(line('Keys of this owner alone.'))
})

export const CreateBody = Type.Object({
  scopes,
  name: Type.Optional(name),
  environment: Type.Optional(line('The environment of your credential, which is the default.')),
  expiresAt: Type.Optional(expiresAt),
  metadata: Type.Optional(metadata)
}, strict)

export const UpdateBody = Type.Object({
  name: orNull(name),
  scopes: Type.Optional(scopes),
  expiresAt: orNull(expiresAt),
  metadata: orNull(metadata),
  version: Type.Optional(version)
}, strict)

const stays = 'Seconds that the present secret stays valid.'
const grace = { minimum: 0, maximum: 31_536_000, default: 0, description: stays }
const from = { default: 'now', description: 'What the seconds count from: now, or the first use of the new secret.' }
export const RotateBody = Type.Object({
  grace: Type.Optional(Type.Number(grace)),
  graceFrom: Type.Optional(Type.Union([Type.Literal('now'), Type.Literal('first-use')], from)),
  version: Type.Optional(version)
}, strict)

export const RevokeBody = Type.Object({ reason: Type.Optional(line('Why, for people.')) }, strict)

const afterFirstUse = 'Seconds that it stays valid after the first use of the next secret.'
const Secret = Type.Object({
  generation: Type.Integer({ description: 'Which secret of the key it is, from 1 on.' }),
  hint: Type.String({ description: 'Its first characters.' }),
  createdAt: at('When it was made.'),
  retiresAt: Type.Optional(at('Not valid from this instant on.')),
  graceAfterFirstUse: Type.Optional(Type.Number({ description: afterFirstUse }))
})

const status = Type.Union([Type.Literal('active'), Type.Literal('expired'), Type.Literal('revoked')])
const lastUse = 'Each scope that was used, with when.'
const usedAt = { additionalProperties: at('When it was last used.'), description: lastUse }
export const Key = Type.Object({
  id: Type.String(),
  workspace: Type.String(),
  environment: Type.String(),
  status,
  scopes: Type.Array(Type.String()),
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  tier: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Object({}, { additionalProperties: true })),
  secrets: Type.Array(Secret, { description: 'Oldest first; the last one is the newest.' }),
  createdAt: at('When it was issued.'),
  expiresAt: Type.Optional(at('Not valid from this instant on.')),
  revokedAt: Type.Optional(at('When it was revoked.')),
  revokedReason: Type.Optional(Type.String()),
  updatedAt: Type.Optional(at('When it was last changed; absent before the first change.')),
  updatedBy: Type.Optional(updatedBy),
  rotateBy: Type.Optional(at('When its secret should be rotated.')),
  lastUsedAt: Type.Optional(at('When it was last used, to the minute.')),
  scopesUsedAt: Type.Optional(Type.Object({}, usedAt)),
  version: Type.Integer({ description: 'Grows with every change.' })
})

const secret = Type.String({ description: 'What callers of the API present. It is shown this once.' })
const effectiveWithin = Type.Number({ description: 'Seconds within which the change is effective in every process.' })
const mayGrant = 'Scopes that you may grant, by resource.'
const Scope = Type.Object({
  scope: Type.String(),
  permissions: Type.Array(Type.String(), { description: 'The operations that it permits.' }),
  includes: Type.Array(Type.String(), { description: 'Further scopes that it grants.' })
})
const Resource = Type.Object({ resource: Type.String(), title: Type.String(), scopes: Type.Array(Scope) })
const Preset = Type.Object({
  name: Type.String(),
  description: Type.Optional(Type.String()),
  scopes: Type.Array(Type.String())
})
const Caller = Type.Object({
  ...caller('keys'),
  scopes: Type.Array(Resource, { description: mayGrant }),
  presets: Type.Array(Preset, { description: 'Bundles of scopes that you may grant.' }),
  usage: Type.Optional(Type.Boolean({ description: 'Requests of keys are counted, and reported by `…/usage`.' }))
}, { description: 'You, and where you may act.' })

/** Successful responses. */
export const answers = {
  key: Type.Object(Key.properties, { description: 'The key.' }),
  issued: Type.Object({ key: Key, secret }, { description: 'The new key and its secret.' }),
  rotated: Type.Object({ key: Key, secret, effectiveWithin }, { description: 'The key and its new secret.' }),
  changed: Type.Object({ key: Key, effectiveWithin }, { description: 'The key as it is now.' }),
  list: Type.Object({ keys: Type.Array(Key), next }, { description: 'A page of keys, newest first.' }),
  caller: Caller,
  workspaces
}

/** A key, and a caller, as responses show them. */
export type KeyView = Static<typeof Key>
export type CallerView = Static<typeof Caller>
