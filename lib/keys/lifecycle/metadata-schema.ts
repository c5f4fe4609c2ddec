import { Kind, KindGuard, Type, type TSchema } from '@sinclair/typebox'
import { OptionError, show } from '../../core/options.js'

type Check = (value: unknown) => boolean
type Keywords = Readonly<Record<string, Check>>
type JsonSchema = Readonly<Record<string, unknown>>

const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isNumber: Check = (value) => Number.isFinite(value)
const isNote: Check = (value) => value === null || ['string', 'number', 'boolean'].includes(typeof value)
const isType: Check = (value) => isList(value) ? value.every(isType) : typeof value === 'string' && types.has(value)

const bounds: Keywords = {
  minimum: isNumber, maximum: isNumber, exclusiveMinimum: isNumber, exclusiveMaximum: isNumber, multipleOf: isNumber
}

/** The types of a note: what TypeBox calls each, and its keywords. */
const types: ReadonlyMap<unknown, { readonly kind: string, readonly keywords: Keywords }> = new Map(Object.entries({
  string: { kind: 'String', keywords: { minLength: isCount, maxLength: isCount, pattern: isPattern } },
  number: { kind: 'Number', keywords: bounds },
  integer: { kind: 'Integer', keywords: bounds },
  boolean: { kind: 'Boolean', keywords: {} },
  null: { kind: 'Null', keywords: {} }
}))

const objectKeywords: Keywords = {
  type: (value) => value === 'object',
  properties: isRecord,
  patternProperties: (value) => isRecord(value) && Object.keys(value).every(isPattern),
  additionalProperties: (value) => typeof value === 'boolean' || isRecord(value),
  required: (value) => Array.isArray(value) && value.every((name) => typeof name === 'string'),
  minProperties: isCount,
  maxProperties: isCount
}

/** Keywords that say nothing about a value. Those with a tilde are of TypeBox 1.x. */
const ANNOTATIONS: ReadonlySet<string> = new Set([
  '$id', '$schema', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly',
  '~kind', '~optional', '~readonly'
])

/**
 * A host's schema of notes as TypeBox 0.34 has it, which checks them. Schemas of TypeBox 1.x are plain JSON Schema.
 * @throws OptionError also for a keyword that would not be checked
 */
export function readMetadataSchema (schema: object): TSchema {
  if (KindGuard.IsSchema(schema)) return schema
  const path = 'keys.metadata'
  const { properties, patternProperties, additionalProperties = true, required, ...rest } =
    readKeywords(schema, objectKeywords, path)
  const others = typeof additionalProperties === 'boolean'
    ? additionalProperties
    : readNote(additionalProperties, `${path}.additionalProperties`)
  if (rest.type === undefined) {
    throw new OptionError(`option ${path} must have type: 'object', as Type.Object() of TypeBox has`)
  }
  const common = { ...rest, additionalProperties: others }
  if (patternProperties === undefined) {
    const unnamed = Object.fromEntries([required ?? []].flat().map((name) => [name, Type.Unknown()]))
    const named = readNotes(properties, `${path}.properties`)
    return Type.Unsafe({ ...common, [Kind]: 'Object', required, properties: { ...unnamed, ...named } })
  }
  const patterns = readNotes(patternProperties, `${path}.patternProperties`)
  if (Object.keys(patterns).length !== 1 || properties !== undefined || required !== undefined) {
    throw new OptionError(`option ${path}.patternProperties must be one pattern, without properties and required`)
  }
  return Type.Unsafe({ ...common, [Kind]: 'Record', patternProperties: patterns })
}

function readNotes (schemas: unknown = {}, path: string): Record<string, TSchema> {
  const entries: Array<[string, unknown]> = Object.entries(Object(schemas))
  return Object.fromEntries(entries.map(([name, one]) => [name, readNote(one, `${path}.${name}`)]))
}

function readNote (schema: unknown, path: string): TSchema {
  if (!isRecord(schema)) throw new OptionError(`option ${path} must be a schema of a note, not ${show(schema)}`)
  const [first, ...others] = alternativesOf(schema, path)
  if (first === undefined) return Type.Unknown()
  if (others.length === 0) return first
  return Type.Unsafe({ ...describe(schema), [Kind]: 'Union', anyOf: [first, ...others] })
}

/** Of several one must fit. There is none where a schema says nothing. */
function alternativesOf (schema: JsonSchema, path: string): TSchema[] {
  const { type, anyOf, enum: values } = schema
  if (isList(anyOf)) {
    readKeywords(schema, { anyOf: isList }, path)
    return anyOf.map((one, i) => readNote(one, `${path}.anyOf.${i}`))
  }
  const literals = 'const' in schema ? [schema.const] : values
  if (isList(literals)) {
    const isOfType: Check = (value) => literals.every((literal) => fits(literal, value))
    const keyword = 'const' in schema ? 'const' : 'enum'
    readKeywords(schema, { type: isOfType, [keyword]: () => literals.every(isNote) }, path)
    return literals.map((literal) => Type.Unsafe({ ...describe(schema), [Kind]: 'Literal', const: literal }))
  }
  const found = (type === undefined ? [] : [type].flat()).flatMap((name) => types.get(name) ?? [])
  const read = readKeywords(schema, Object.assign({ type: isType }, ...found.map(({ keywords }) => keywords)), path)
  return found.map(({ kind }) => Type.Unsafe({ ...read, [Kind]: kind }))
}

/** What a note must be, for messages. */
function describe ({ description, const: value, enum: values = [value] }: JsonSchema): { description?: string } {
  if (typeof description === 'string') return { description }
  const literals = [values].flat().filter((literal) => literal !== undefined)
  return literals.length === 0 ? {} : { description: literals.map((one) => JSON.stringify(one)).join(' or ') }
}

/** @throws OptionError unless all keywords are known and have values that they can have */
function readKeywords (schema: object, known: Keywords, path: string): JsonSchema {
  const checks = new Map(Object.entries(known))
  // Also what is not enumerable, such as the checks of TypeBox 1.x that are functions.
  for (const name of Object.getOwnPropertyNames(schema)) {
    if (ANNOTATIONS.has(name)) continue
    const check = checks.get(name)
    if (check === undefined) {
      const names = [...checks.keys()].join(', ')
      throw new OptionError(`option ${path} has ${name}, which nothing checks; known here: ${names}`)
    }
    const value: unknown = Reflect.get(schema, name)
    if (!check(value)) throw new OptionError(`option ${path}.${name} can't be ${show(value)}`)
  }
  return { ...schema }
}

function fits (literal: unknown, type: unknown): boolean {
  const name = literal === null ? 'null' : typeof literal
  return type === name || (type === 'integer' && Number.isInteger(literal))
}

function isPattern (value: unknown): boolean {
  try {
    return typeof value === 'string' && new RegExp(value) instanceof RegExp
  } catch {
    return false
  }
}

function isList (value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && value.length > 0
}

function isRecord (value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
