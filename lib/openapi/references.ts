import { isDeepStrictEqual } from 'node:util'
import type { Json } from './document-parts.js'

/** Reusable parts of a document: those that its responses refer to. */
export interface Components {
  readonly responses: Record<string, Json>
  readonly headers: Record<string, Json>
  readonly schemas: Record<string, Json>
}

/** Adds a part to the components once, and answers a reference to it. */
export type Refer = (kind: keyof Components, name: string, make: () => Json) => Json

/**
 * Contexts of other error formats share a document: a part that differs from theirs gets a name of its own.
 * @param components gains the parts of one context
 */
export function createReferences (components: Components): Refer {
  const references = new Map<string, string>()

  return function refer (kind, name, make) {
    const before = references.get(`${kind} ${name}`)
    if (before !== undefined) return { $ref: before }
    const part = make()
    let free = name
    for (let n = 2; isTaken(components[kind][free], part); n++) free = `${name}${n}`
    components[kind][free] = part
    const reference = `#/components/${kind}/${free}`
    references.set(`${kind} ${name}`, reference)
    return { $ref: reference }
  }
}

function isTaken (present: Json | undefined, part: Json): boolean {
  return present !== undefined && !isDeepStrictEqual(present, part)
}
