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
 */
export const VALUE = `
local function decode (raw)
  local key = { marker = 0, fields = {} }
  if not raw then return key end
  if raw:sub(1, 2) ~= 'K1' then return false end
  local length, at = #raw, 11
  key.marker = struct.unpack('<d', raw, 3)
  while at <= length do
    local id, expiry, count, next_at = struct.unpack('<c8dB', raw, at)
    local field = { expiry }
    for i = 1, count do field[i + 1], next_at = struct.unpack('<d', raw, next_at) end
    key.fields[id], at = field, next_at
  end
  return key
end
`
