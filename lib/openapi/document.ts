import type { RouteAccess } from '../core/route-access.js'
import { accessLines, type Profiles } from './access-lines.js'
import { isRecord, recordOf, type Json } from './document-parts.js'
import type { DocumentedContext } from './documented-context.js'
import { createReferences, type Components } from './references.js'
import { createResponses } from './responses.js'
import { readOperation, securityOf, withoutForbiddenScopes, type OperationAccess } from './security.js'

/** The route behind an operation: its context and what it declares, once for each of its methods. */
export interface DocumentedOperation {
  readonly context: DocumentedContext
  readonly accesses: readonly [RouteAccess, ...RouteAccess[]]
}

export interface DocumentSources {
  readonly contexts: readonly DocumentedContext[]
  /** By the array that an operation has as its `security`. */
  readonly operations: WeakMap<object, DocumentedOperation>
  /** Whether descriptions of operations say what is required. */
  readonly descriptions: boolean
}

interface Described { readonly context: DocumentedContext, readonly access: OperationAccess }

/**
 * A copy of an OpenAPI 3 document in which each guarded operation shows its security, its refusals and, in its
 * description, what it requires. What the document says already stays.
 */
export function describeDocument (document: object, sources: DocumentSources): object {
  const { contexts, descriptions } = sources
  const { openapi, components: written, paths } = recordOf(document)
  const ownComponents = recordOf(written)
  const schemes = recordOf(ownComponents.securitySchemes)
  const scopesForOAuthAlone = String(openapi).startsWith('3.0')
  const added: Components = { responses: {}, headers: {}, schemas: {} }
  const responses = new Map(contexts.map((context) =>
    [context, createResponses(context.rendering, createReferences(added))]))

  function describeOperation (operation: unknown, method: string): unknown {
    if (!isRecord(operation)) return operation
    const found = findAccess(operation, method, sources)
    if (found === undefined) return operation
    const { context, access } = found
    const enforced = securityOf(access, context.schemes)
    const security = scopesForOAuthAlone ? withoutForbiddenScopes(enforced, schemes) : enforced
    const profiles = profilesFor(access, context)
    const lines = descriptions ? accessLines(access, profiles) : []
    const declared = recordOf(operation.responses)
    const made = responses.get(context)
    const credentials = Object.values(context.schemes).flatMap((one) => Object.values(one))
    return {
      ...operation,
      ...lines.length > 0 && { description: describe(operation.description, lines) },
      security,
      ...access.mode !== 'public' && withoutCredentials(operation.parameters, credentials),
      responses: {
        ...declared,
        ...isCounted(access, profiles) && made?.withRateLimitFields(declared),
        ...made?.refusalsOf(access, declared)
      }
    }
  }

  const described = mapRecord(paths, (item) => describePath(item, describeOperation))
  const parts = Object.entries(added).filter(([, named]) => Object.keys(named).length > 0)
    .map(([kind, named]) => [kind, { ...named, ...recordOf(ownComponents[kind]) }])
  return { ...document, components: { ...ownComponents, ...Object.fromEntries(parts) }, paths: described }
}

/** What an operation requires; undefined where no context guards it. An unknown one is read by its `security`. */
function findAccess (
  found: Json, method: string, { contexts, operations }: DocumentSources
): Described | undefined {
  const { security } = found
  const operation = Array.isArray(security) ? operations.get(security) : undefined
  const access = operation?.accesses.find((one) => one.method === method)
  if (operation !== undefined && access !== undefined) return { context: operation.context, access }
  for (const context of contexts) {
    const access = readOperation(found, context.schemes)
    if (access !== undefined) return { context, access }
  }
  return undefined
}

/** The host's own description comes first. */
function describe (own: unknown, lines: readonly string[]): string {
  return [...typeof own === 'string' && own !== '' ? [own] : [], ...lines].join('\n\n')
}

/** Undefined where the requests of an operation are not counted. */
function profilesFor (
  { mode, countsAnonymous }: OperationAccess, { profiles, rendering }: DocumentedContext
): Profiles {
  const isCounted = mode !== 'public' || (countsAnonymous && rendering.limitAnonymous !== undefined)
  return isCounted ? profiles : undefined
}

/** A profile without policies counts nothing. */
function isCounted ({ profile }: OperationAccess, profiles: Profiles): boolean {
  if (profiles === undefined) return false
  return profile === undefined || profiles[profile]?.length !== 0
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

function describePath (item: unknown, describe: (operation: unknown, method: string) => unknown): unknown {
  if (!isRecord(item)) return item
  return mapRecord(item, (part, field) => {
    if (field === 'additionalOperations') return mapRecord(part, describe)
    return METHODS.has(field) ? describe(part, field.toUpperCase()) : part
  })
}

/** Parameters without those that are the credential: OpenAPI wants these described by the security scheme alone. */
function withoutCredentials (parameters: unknown, schemes: readonly Json[]): { parameters?: unknown[] } {
  if (!Array.isArray(parameters)) return {}
  const isCredential = (parameter: unknown) => schemes.some((scheme) => isCredentialOf(scheme, recordOf(parameter)))
  return { parameters: parameters.filter((parameter) => !isCredential(parameter)) }
}

function isCredentialOf (scheme: Json, parameter: Json): boolean {
  const [place, name] = scheme.type === 'apiKey' ? [scheme.in, scheme.name] : ['header', 'authorization']
  return parameter.in === place && String(parameter.name).toLowerCase() === String(name).toLowerCase()
}

function mapRecord (record: unknown, change: (value: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(recordOf(record)).map(([key, value]) => [key, change(value, key)]))
}
