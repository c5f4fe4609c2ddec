import { hash } from 'node:crypto'

/** A Lua program for Redis and the name by which EVALSHA knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script (lua: string): Script {
  return { lua, sha: hash('sha1', lua) }
}

/** 'K1' as a number. */
const MAGIC = 0x314b
/** Byte of a value at which its fields begin, as Lua counts: after two letters and two numbers. */
export const FIRST_FIELD = 19

/**
 * What a key holds: 'K1', the version marker and the µs until which the key is kept at least, then a field for each policy:
 * 8 letters of its id, how many numbers follow, and these, of which the first is the instant from which the field says
 * nothing. Numbers are little-endian doubles, so nothing is rounded.
 *
 * `value_of` answers the value of a key, empty where there is none, its marker and until when it is kept; nothing where the
 * key holds something else.
 */
export const VALUE_OF = `
local function header (marker, kept_until)
  return struct.pack('<I2dd', ${MAGIC}, marker, kept_until)
end

local function value_of (name)
  local value = redis.pcall('GET', name)
  if not value then return header(0, 0), 0, 0 end
  if #value >= ${FIRST_FIELD - 1} then
    local magic, marker, kept_until = struct.unpack('<I2dd', value)
    if magic == ${MAGIC} then return value, marker, kept_until end
  elseif value.err and not value.err:find('WRONGTYPE', 1, true) then
    redis.call('GET', name)
  end
end
`
