import type { RouteAccess } from '../core/route-access.js'
import { isRecord, recordOf, type Json } from './document-parts.js'
import type { DocumentedContext } from './documented-context.js'
import { createResponses, type Components } from './responses.js'
import { readSecurity, securityOf, withoutForbiddenScopes, type OperationAccess } from './security.js'

/** The route behind an operation: its context and what it declares, once for each of its methods. */
export interface DocumentedOperation {
  readonly context: DocumentedContext
  readonly accesses: readonly [RouteAccess, ...RouteAccess[]]
}

/** Where the requirements of operations are found. */
export interface OperationSources {
  readonly contexts: readonly DocumentedContext[]
  /** By the array that an operation has as its `security`. */
  readonly operations: WeakMap<object, DocumentedOperation>
}

interface Described { readonly context: DocumentedContext, readonly access: OperationAccess }

/**
 * A copy of an OpenAPI 3 document in which each guarded operation shows its security and its refusals. What the
 * document says already stays.
 */
export function describeDocument (document: object, sources: OperationSources): object {
  const { contexts } = sources
  const { openapi, components: written, paths } = recordOf(document)
  const ownComponents = recordOf(written)
  const schemes = recordOf(ownComponents.securitySchemes)
  const scopesForOAuthAlone = String(openapi).startsWith('3.0')
  const added: Components = { responses: {}, headers: {}, schemas: {} }
  const responses = new Map(contexts.map((context) => [context, createResponses(context.rendering, added)]))

  function describeOperation (operation: unknown, method: string): unknown {
    if (!isRecord(operation)) return operation
    const found = findAccess(operation.security, method, sources)
    if (found === undefined) return operation
    const { context, access } = found
    const enforced = securityOf(access, context.schemes)
    const security = scopesForOAuthAlone ? withoutForbiddenScopes(enforced, schemes) : enforced
    const declared = recordOf(operation.responses)
    if (access.mode === 'public') {
      const refusals = responses.get(context)?.ofPublic(declared)
      return { ...operation, security, ...refusals && { responses: { ...declared, ...refusals } } }
    }
    return {
      ...operation,
      security,
      ...withoutCredentials(operation.parameters, Object.values(context.schemes).flatMap((one) => Object.values(one))),
      responses: { ...declared, ...responses.get(context)?.of(access, declared) }
    }
  }

  const described = mapRecord(paths, (item) => describePath(item, describeOperation))
  const parts = Object.entries(added).filter(([, named]) => Object.keys(named).length > 0)
    .map(([kind, named]) => [kind, { ...named, ...recordOf(ownComponents[kind]) }])
  return { ...document, components: { ...ownComponents, ...Object.fromEntries(parts) }, paths: described }
}

/** What an operation requires; undefined where no context guards it. An unknown one is read by its `security`. */
function findAccess (
  security: unknown, method: string, { contexts, operations }: OperationSources
): Described | undefined {
  const operation = Array.isArray(security) ? operations.get(security) : undefined
  const access = operation?.accesses.find((one) => one.method === method)
  if (operation !== undefined && access !== undefined) return { context: operation.context, access }
  for (const context of contexts) {
    const access = readSecurity(security, context.schemes)
    if (access !== undefined) return { context, access }
  }
  return undefined
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
