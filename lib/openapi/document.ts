import type { Json } from './document-parts.js'
import { createResponses, type Refusing, type Responses } from './responses.js'
import type { StatedSecurity } from './stated.js'

/** What of a context its document tells. */
export interface DocumentTerms {
  readonly ground: Refusing
  /** OpenAPI security scheme objects by name. */
  readonly schemes: Readonly<Record<string, Json>>
  readonly stated: StatedSecurity
}

/**
 * An OpenAPI 3 document with the security schemes, and on each guarded operation its security and refusals: a new
 * document, in which everything the given one says already stands. Other documents come back as they are.
 * Describing a document twice changes nothing.
 */
export function describeAccess<T> (document: T, terms: DocumentTerms): T {
  if (!isRecord(document) || typeof document.openapi !== 'string' || !document.openapi.startsWith('3.')) return document
  const responses = createResponses(terms.ground)
  const paths = mapRecord(document.paths, (item) => describePath(item, terms, responses))
  const given = recordOf(document.components)
  const components = {
    ...given,
    ...mapRecord(withoutEmpty({ ...responses.components, securitySchemes: terms.schemes }), (parts, kind) => ({ ...recordOf(parts), ...recordOf(given[kind]) }))
  }
  return { ...document, components, paths }
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

function describePath (item: unknown, terms: DocumentTerms, responses: Responses): unknown {
  if (!isRecord(item)) return item
  return mapRecord(item, (part, field) => {
    if (field === 'additionalOperations') return mapRecord(part, (operation, method) => describeOperation(operation, method, terms, responses))
    return METHODS.has(field) ? describeOperation(part, field.toUpperCase(), terms, responses) : part
  })
}

function describeOperation (operation: unknown, method: string, { stated, schemes }: DocumentTerms, responses: Responses): unknown {
  if (!isRecord(operation)) return operation
  const shown = stated.find(operation.security, method)
  if (shown === undefined) return operation
  const { access, security } = shown
  if (access.mode === 'open') return { ...operation, security }
  const declared = recordOf(operation.responses)
  return {
    ...operation,
    security,
    ...Array.isArray(operation.parameters) && { parameters: operation.parameters.filter((parameter) => !carriesCredential(parameter, Object.values(schemes))) },
    responses: { ...declared, ...responses.of(access, declared) }
  }
}

/** A parameter that OpenAPI has said already by a security scheme. */
function carriesCredential (parameter: unknown, schemes: readonly Json[]): boolean {
  if (!isRecord(parameter)) return false
  return schemes.some((scheme) => {
    const [place, name] = scheme.type === 'apiKey' ? [scheme.in, scheme.name] : ['header', 'authorization']
    return parameter.in === place && String(parameter.name).toLowerCase() === String(name).toLowerCase()
  })
}

function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function recordOf (value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}

function mapRecord (record: unknown, change: (value: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(recordOf(record)).map(([key, value]) => [key, change(value, key)]))
}

function withoutEmpty (parts: Readonly<Record<string, Json>>): Record<string, Json> {
  return Object.fromEntries(Object.entries(parts).filter(([, part]) => Object.keys(part).length > 0))
}
