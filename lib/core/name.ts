/** The most characters of a workspace, owner, tier or other name. */
export const MAX_NAME_LENGTH = 256

/**
 * Characters of names: what every store can keep. No control characters (Postgres has no NUL in texts), and no half of
 * a surrogate pair, since in UTF-8 all of those would be the same replacement character.
 */
export const NAME_PATTERN = '^(?:[^\\x00-\\x1f\\x7f-\\x9f\\ud800-\\udfff]|[\\ud800-\\udbff][\\udc00-\\udfff])+$'

const PATTERN = new RegExp(NAME_PATTERN)

/** A text that may name a workspace, an owner, a tier: of 1 to 256 characters, in all stores and from all sources. */
export function isName (value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_NAME_LENGTH && PATTERN.test(value)
}

/** The most characters of an id: that of a delivery is made of two others. */
const MAX_ID_LENGTH = 512

/** A text that a store may be asked for: Postgres refuses a NUL, and that would look like an outage. */
export function isId (value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ID_LENGTH && PATTERN.test(value)
}
