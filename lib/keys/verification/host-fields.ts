import type { Principal } from '../../core/principal.js'

/** What a host adds to the principals of its keys, from what it stored with the key. */
export type FieldsOf = (principal: Principal) => object

/** The principal of a loaded key with the fields of the host. */
export type AddHostFields = (principal: Principal) => Principal

/** Fields that only Latchkey sets: a host that changed them would change what a key may do. */
const OWN: ReadonlySet<string> = new Set<keyof Principal>([
  'kind', 'id', 'workspace', 'environment', 'scopes', 'scheme', 'owner', 'tier', 'name', 'metadata', 'expiresAt',
  'secretRetiresAt', 'version'
])

/** Asks the host once for each loaded record. What the function throws is an outage (503), so nobody is let in. */
export function createHostFields (fieldsOf: FieldsOf): AddHostFields {
  const extended = new WeakMap<Principal, Principal>()

  return function addHostFields (principal) {
    const known = extended.get(principal)
    if (known !== undefined) return known
    const fields: unknown = fieldsOf(principal)
    if (typeof fields !== 'object' || fields === null || 'then' in fields) {
      throw new TypeError('keys.fieldsOf must answer an object at once')
    }
    const own = Object.keys(fields).find((name) => OWN.has(name))
    if (own !== undefined) throw new TypeError(`keys.fieldsOf must not set ${own}, which Latchkey sets itself`)
    const principalOfHost = Object.freeze({ ...fields, ...principal })
    extended.set(principal, principalOfHost)
    return principalOfHost
  }
}
