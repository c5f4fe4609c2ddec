import { Type, type Static, type TSchema } from '@sinclair/typebox'

const strict = { additionalProperties: false }
const name = Type.String({ minLength: 1, maxLength: 256, description: 'For people, to tell keys apart.' })
const scopes = Type.Array(Type.String(), { maxItems: 1000, description: 'Scopes, none of which the caller lacks; an empty list grants nothing.' })
/** Without a `format`: what those mean is for the host's validator to say, and this one must mean the same everywhere. */
const instant = (description: string) => Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d{1,9})?(Z|[+-]\\d{2}:\\d{2})$', description })
const expiresAt = instant('Not valid from this instant on: an RFC 3339 date-time in the future.')
const note = Type.Union([Type.String({ maxLength: 512 }), Type.Number(), Type.Boolean(), Type.Null()])
const metadata = Type.Object({}, { additionalProperties: note, maxProperties: 32, description: 'Notes of yours, by names of up to 64 characters.' })
const version = Type.Integer({ minimum: 1, description: 'Only if this is still the version of the key.' })
const orNull = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()], { description: `${schema.description} Null removes it.` }))

export const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 256, description: 'Of the key.' }) })

const workspace = Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'One of the workspaces that you may act in; by default the one of your credential.' }))
export const InWorkspace = Type.Object({ workspace })
export const ListQuery = Type.Object({
  workspace,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Most keys of a page.' })),
  cursor: Type.Optional(Type.String({ maxLength: 1024, description: '`next` of the page before.' })),
  owner: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Keys of this owner alone.' }))
})

export const CreateBody = Type.Object({
  scopes,
  name: Type.Optional(name),
  environment: Type.Optional(Type.String({ description: 'That of your credential, which is the default.' })),
  expiresAt: Type.Optional(expiresAt),
  metadata: Type.Optional(metadata)
}, strict)

export const ChangeBody = Type.Object({
  name: orNull(name),
  scopes: Type.Optional(scopes),
  expiresAt: orNull(expiresAt),
  metadata: orNull(metadata),
  version: Type.Optional(version)
}, strict)

export const RotateBody = Type.Object({
  grace: Type.Optional(Type.Number({ minimum: 0, maximum: 31_536_000, default: 0, description: 'Seconds that the present secret stays valid.' })),
  graceFrom: Type.Optional(Type.Union([Type.Literal('now'), Type.Literal('first-use')], { default: 'now', description: 'What the seconds count from: now, or the first use of the new secret.' })),
  version: Type.Optional(version)
}, strict)

export const RevokeBody = Type.Object({
  reason: Type.Optional(Type.String({ minLength: 1, maxLength: 256, description: 'Why, for people.' }))
}, strict)

export type Body<T extends TSchema> = Static<T>

export const at = (description: string) => Type.String({ format: 'date-time', description })
const Secret = Type.Object({
  generation: Type.Integer(),
  hint: Type.String({ description: 'Its first characters.' }),
  createdAt: at('When it was made.'),
  retiresAt: Type.Optional(at('Not valid from this instant on.')),
  graceAfterFirstUse: Type.Optional(Type.Number({ description: 'Seconds that it stays valid after the first use of the next one.' }))
})

export const Key = Type.Object({
  id: Type.String(),
  workspace: Type.String(),
  environment: Type.String(),
  status: Type.Union([Type.Literal('active'), Type.Literal('expired'), Type.Literal('revoked')]),
  scopes: Type.Array(Type.String()),
  name: Type.Optional(Type.String()),
  owner: Type.Optional(Type.String()),
  tier: Type.Optional(Type.String()),
  metadata: Type.Optional(Type.Object({}, { additionalProperties: true })),
  secrets: Type.Array(Secret, { description: 'Oldest first; the last one is in force.' }),
  createdAt: at('When it was issued.'),
  expiresAt: Type.Optional(at('Not valid from this instant on.')),
  revokedAt: Type.Optional(at('When it was revoked.')),
  revokedReason: Type.Optional(Type.String()),
  rotateBy: Type.Optional(at('When its secret should be another one.')),
  lastUsedAt: Type.Optional(at('When it was last used, to the minute.')),
  scopesUsedAt: Type.Optional(Type.Object({}, { additionalProperties: at('When it was last needed.'), description: 'Each scope that was used, with when.' })),
  version: Type.Integer({ description: 'Grows with every change.' })
})

const text = Type.String({ description: 'The key itself. It is shown this once.' })
const holdsWithin = Type.Number({ description: 'Seconds within which the change holds everywhere.' })

/** What the routes answer. */
export const answers = {
  key: Type.Object(Key.properties, { description: 'The key.' }),
  issued: Type.Object({ key: Key, text }, { description: 'The new key, and its text.' }),
  rotated: Type.Object({ key: Key, text, holdsWithin }, { description: 'The key, and its new text.' }),
  changed: Type.Object({ key: Key, holdsWithin }, { description: 'The key as it is now.' }),
  list: Type.Object({ keys: Type.Array(Key), next: Type.Optional(Type.String({ description: '`cursor` of the next page.' })) }, { description: 'A page of keys, newest first.' }),
  workspaces: Type.Array(Type.Object({ id: Type.String(), name: Type.Optional(Type.String()), current: Type.Boolean() }), { description: 'The workspaces that you may act in; `current` is that of your credential.' })
}
