import { Type, type Static, type TSchema } from '@sinclair/typebox'
import { patterns } from '../core/input.js'

/** What the routes of all kinds have in common. */
export type Body<T extends TSchema> = Static<T>

/** For bodies: what is not a field of theirs is refused. */
export const strict = { additionalProperties: false }

/** One line of text. @param maxLength in UTF-16 code units, as JSON Schema validators count them here */
export const line = (description: string, maxLength = 256) =>
  Type.String({ minLength: 1, maxLength, pattern: patterns.line, description })

/** An instant that a caller sends. */
export const instant = (description: string) => Type.String({ pattern: patterns.instant, description })

/** An instant that a response says. */
export const at = (description: string) => Type.String({ format: 'date-time', description })

export const orNull = <T extends TSchema>(schema: T) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description: `${schema.description} Null removes it.` }))

/** Any text that may be an id: what is none of a record is answered with 404, not 400. */
export const id = (of: string) => Type.String({ minLength: 1, maxLength: 512, description: `Of the ${of}.` })

const inWorkspace = 'One of the workspaces that you may act in; by default the one of your credential.'
export const workspace = Type.Optional(line(inWorkspace))
const inEnvironment = 'One of the environments that you may act in; by default the one of your credential.'
export const InWorkspace = Type.Object({ workspace, environment: Type.Optional(line(inEnvironment)) })

export const limit = (of: string) =>
  Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: 50, description: `The most ${of} of one page.` }))
export const cursor =
  Type.Optional(Type.String({ maxLength: 1024, description: '`next` of the page before.' }))
export const next =
  Type.Optional(Type.String({ description: '`cursor` of the next page; absent on the last one.' }))

/** Who changed a record last. Ids of people are for the audit log alone. */
export const updatedBy = Type.Object({
  kind: Type.String({ description: '`api-key` or `access-token`; a person is the latter.' }),
  owner: Type.Optional(Type.String({ description: 'The user or system that it acts for.' })),
  you: Type.Boolean({ description: 'Whether that is who asks.' })
}, { description: 'Who changed it last; absent where the server itself did.' })

const Workspace = Type.Object({ id: Type.String(), name: Type.Optional(Type.String()), current: Type.Boolean() })
const mayActIn = 'The workspaces that you may act in; `current` is the one of your credential.'
export const workspaces = Type.Array(Workspace, { description: mayActIn })

/** Who asks, where, and what it may do. @param what is managed */
export const caller = (what: string) => ({
  id: Type.String(),
  owner: Type.Optional(Type.String()),
  workspace: Type.String({ description: 'Where you act now.' }),
  environment: Type.String(),
  may: Type.Object({ write: Type.Boolean(), manage: Type.Boolean() }, { description: `What you may do with ${what}.` }),
  workspaces,
  environments: Type.Array(Type.String(), { description: 'The environments that you may act in.' })
})

export interface InWorkspaceQuery { Querystring: Body<typeof InWorkspace> }
