import type { FastifyInstance } from 'fastify'
import { describeAccess, type DocumentTerms } from './document.js'

/** The document of one guarded context. */
export interface AccessDocument {
  /** Describes a document while @fastify/swagger writes it: what `accessDocument(app)` gives to `transformObject`. */
  describe<T extends object> (document: T): T
  /** Lets the `app.swagger()` that `context` sees answer the described document, if it has @fastify/swagger's. */
  shareWith (context: FastifyInstance): void
}

type Swagger = (options?: { yaml?: boolean }) => unknown

/** Makes the document of one guarded context, once, when it is first asked for. */
export function createAccessDocument (terms: DocumentTerms): AccessDocument {
  const { quietly } = terms.stated
  const shared = new WeakSet<Swagger>()
  let transformed = false

  function describedBy (written: Swagger): Swagger {
    let document: unknown
    let text: unknown

    /** Every JSON text is YAML 1.2; where `transformObject` described the document already, its own YAML stands. */
    function writeText (): unknown {
      const yaml = quietly(() => written({ yaml: true }))
      return transformed ? yaml : JSON.stringify(swagger(), null, 2)
    }

    function swagger (options?: { yaml?: boolean }): unknown {
      if (options?.yaml === true) return (text ??= writeText())
      return (document ??= describeAccess(quietly(() => written()), terms))
    }
    shared.add(swagger)
    return swagger
  }

  return {
    describe (document) {
      transformed = true
      return describeAccess(document, terms)
    },
    shareWith (context) {
      const owner = context.hasPlugin('@fastify/swagger') ? ownerOf(context) : undefined
      const written: unknown = owner && Reflect.get(owner, 'swagger')
      if (owner !== undefined && isSwagger(written) && !shared.has(written)) Reflect.set(owner, 'swagger', describedBy(written))
    }
  }
}

/** The context that holds `swagger` itself; those below it see it through their prototypes. */
function ownerOf (context: object): object | undefined {
  let at: object | null = context
  while (at !== null && !Object.hasOwn(at, 'swagger')) at = Reflect.getPrototypeOf(at)
  return at ?? undefined
}

function isSwagger (value: unknown): value is Swagger {
  return typeof value === 'function'
}
