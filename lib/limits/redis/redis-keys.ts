import { hash } from 'node:crypto'
import { besideOf, type Principal } from '../../core/principal.js'

/** What the names of a principal's keys are made of. */
export type Named = Pick<Principal, 'id' | 'workspace' | 'environment'>

/** Names of the keys of one namespace in Redis. */
export interface RedisKeys {
  /** Holds the marker and the counters of a principal. */
  principal (of: Named): string
  /** Holds what the principals of a workspace share; in the same Cluster slot as theirs. */
  workspace (of: Named): string
  /** Holds who has claimed something, whose name may be any text of any length; in a slot of its own. */
  claim (of: string): string
}

const kNamed = Symbol('latchkey.named')

declare module '../../core/principal.js' {
  interface Beside { [kNamed]?: { readonly by: RedisKeys, readonly name: string } }
}

/**
 * `namespace:{10,2,productionw1}:key_1`. The braces are the hash tag of Redis Cluster, which is never empty; with both
 * lengths before them, no workspace or id reads like another, whatever it contains.
 */
export function createRedisKeys (namespace: string): RedisKeys {
  const tagged = ({ workspace, environment }: Named): string =>
    `${namespace}:{${wellFormed(`${environment.length},${workspace.length},${environment}${workspace}`)}}`
  const names: RedisKeys = {
    principal (of) {
      const beside = besideOf(of)
      const named = beside?.[kNamed]
      if (named?.by === names) return named.name
      const name = `${tagged(of)}:${wellFormed(of.id)}`
      if (beside !== undefined) beside[kNamed] = { by: names, name }
      return name
    },
    workspace: tagged,
    claim: (of) => `${namespace}:{!${digest(of)}}:claim`
  }
  return names
}

/** Half a surrogate pair, which UTF-8 has no bytes for: all of them would become the same replacement. Or what stands for such a text. */
const UNSAFE = /\p{Surrogate}|^!/u

/** Each part for itself: by a principal's id alone it must not leave the hash tag of its workspace, whose takes go together. */
function wellFormed (part: string): string {
  return UNSAFE.test(part) ? `!text ${digest(part)}` : part
}

function digest (text: string): string {
  return hash('sha256', Buffer.from(text, 'utf16le'), 'base64url')
}
