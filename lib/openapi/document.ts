import type { RouteAccess } from '../core/route-access.js'
import { isRecord, recordOf, type Json } from './document-parts.js'
import type { DocumentedContext } from './documented-context.js'
import { createResponses, type Components, type Responses } from './responses.js'
import { readSecurity, securityOf, withoutForbiddenScopes, type OperationAccess } from './security.js'

/** The route behind an operation: its context and what it declares, once for each of its methods. */
export interface DocumentedOperation {
  readonly context: DocumentedContext
  readonly accesses: readonly [RouteAccess, ...RouteAccess[]]
}

interface Described { readonly context: DocumentedContext, readonly access: OperationAccess }

/**
 * A copy of an OpenAPI 3 document in which each guarded operation shows its security and its refusals. What the document
 * says already stays.
 * @param operations by the array that an operation has as its `security`
 */
export function describeDocument (document: object, contexts: readonly DocumentedContext[], operations: WeakMap<object, DocumentedOperation>): object {
  const { openapi, components: written, paths } = recordOf(document)
  const ownComponents = recordOf(written)
  const schemes = recordOf(ownComponents.securitySchemes)
  const scopesForOAuthAlone = String(openapi).startsWith('3.0')
  const components: Components = { responses: {}, headers: {}, schemas: {} }
  const responses = new Map(contexts.map((context) => [context, createResponses(context.rendering, components)]))

  function find (security: unknown, method: string): Described | undefined {
    const operation = Array.isArray(security) ? operations.get(security) : undefined
    if (operation !== undefined) {
      const { context, accesses } = operation
      return { context, access: accesses.find((one) => one.method === method) ?? accesses[0] }
    }
    for (const context of contexts) {
      const access = readSecurity(security, Object.keys(context.schemes))
      if (access !== undefined) return { context, access }
    }
    return undefined
  }

  function describeOperation (operation: unknown, method: string): unknown {
    if (!isRecord(operation)) return operation
    const found = find(operation.security, method)
    if (found === undefined) return operation
    const { context, access } = found
    const enforced = securityOf(access, Object.keys(context.schemes))
    const security = scopesForOAuthAlone ? withoutForbiddenScopes(enforced, schemes) : enforced
    if (access.mode === 'public') return { ...operation, security }
    const { parameters, responses: declared } = operation
    return {
      ...operation,
      security,
      ...Array.isArray(parameters) && { parameters: parameters.filter((one) => !carriesCredential(one, Object.values(context.schemes))) },
      responses: { ...recordOf(declared), ...responses.get(context)?.of(access, recordOf(declared)) }
    }
  }

  const described = mapRecord(paths, (item) => describePath(item, describeOperation))
  const added = Object.entries(components).filter(([, parts]) => Object.keys(parts).length > 0)
  return {
    ...document,
    components: { ...ownComponents, ...Object.fromEntries(added.map(([kind, parts]) => [kind, { ...parts, ...recordOf(ownComponents[kind]) }])) },
    paths: described
  }
}

const METHODS = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace', 'query'])

function describePath (item: unknown, describe: (operation: unknown, method: string) => unknown): unknown {
  if (!isRecord(item)) return item
  return mapRecord(item, (part, field) => {
    if (field === 'additionalOperations') return mapRecord(part, describe)
    return METHODS.has(field) ? describe(part, field.toUpperCase()) : part
  })
}

/** OpenAPI says by the security scheme that this parameter exists. */
function carriesCredential (parameter: unknown, schemes: readonly Json[]): boolean {
  if (!isRecord(parameter)) return false
  return schemes.some((scheme) => {
    const [place, name] = scheme.type === 'apiKey' ? [scheme.in, scheme.name] : ['header', 'authorization']
    return parameter.in === place && String(parameter.name).toLowerCase() === String(name).toLowerCase()
  })
}

function mapRecord (record: unknown, change: (value: unknown, key: string) => unknown): Record<string, unknown> {
  return Object.fromEntries(Object.entries(recordOf(record)).map(([key, value]) => [key, change(value, key)]))
}
