import { hash } from 'node:crypto'

/** A Lua program for Redis and the name by which EVALSHA knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script (lua: string): Script {
  return { lua, sha: hash('sha1', lua) }
}

/**
 * What a key holds: 'K1', the version marker, then a field for each policy: 8 letters of its id, the instant from which
 * the field says nothing, how many numbers follow, and these. Everything a little-endian double, so nothing is rounded.
 * This reads no more than the marker, nil where there is none and false of what is not of the store.
 */
export const MARKER = `
local function marker_of (raw)
  if not raw then return nil end
  return raw:sub(1, 2) == 'K1' and struct.unpack('<d', raw, 3)
end
`
