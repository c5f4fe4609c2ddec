import { hash } from 'node:crypto'

/** A Lua program for Redis and the name by which EVALSHA knows it. */
export interface Script {
  readonly lua: string
  readonly sha: string
}

export function script (lua: string): Script {
  return { lua, sha: hash('sha1', lua) }
}

/** 'K2' as a number. */
const MAGIC = 0x324b
/** Bytes before the fields of a value. */
const HEADER_SIZE = 22
/** Position of the first field in a value, as Lua counts. */
export const FIRST_FIELD = HEADER_SIZE + 1

/**
 * The value of a key: a header of 'K2', its length in bytes, the version marker and the µs until which the key must be
 * kept; then a field for each policy: 8 letters of its id, how many numbers follow, and these. The first number is the
 * instant from which the field says nothing any more. Numbers are little-endian doubles, so nothing is rounded.
 *
 * `value_of` answers the value of a key, its marker and until when it is kept. A key that holds anything else, of
 * whatever type, counts as empty and is overwritten by the next write; `foreign` counts such keys.
 */
export const VALUE_OF = `
local foreign = 0

local function header (length, marker, kept_until)
  return struct.pack('<I2I4dd', ${MAGIC}, length, marker, kept_until)
end

local function value_of (name)
  local value = redis.pcall('GET', name)
  if not value then return header(${HEADER_SIZE}, 0, 0), 0, 0 end
  if type(value) == 'string' then
    if #value >= ${HEADER_SIZE} then
      local magic, length, marker, kept_until = struct.unpack('<I2I4dd', value)
      if magic == ${MAGIC} and length == #value then return value, marker, kept_until end
    end
  elseif not value.err:find('WRONGTYPE', 1, true) then
    redis.call('GET', name)
  end
  foreign = foreign + 1
  return header(${HEADER_SIZE}, 0, 0), 0, 0
end
`

/** KEYS[1], ARGV: version, ms that a marker lives. */
export const publishVersionScript = script(`${VALUE_OF}
local value, before, kept_until = value_of(KEYS[1])
local marker = math.max(before, tonumber(ARGV[1]))
local lives = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], header(#value, marker, kept_until) .. value:sub(${FIRST_FIELD}), 'PX', lives)
return marker
`)

/** KEYS[1], ARGV: ms that a marker lives. Forgets the counters and keeps the marker. */
export const resetScript = script(`${VALUE_OF}
local _, marker = value_of(KEYS[1])
if marker == 0 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], header(${HEADER_SIZE}, marker, 0), 'PX', tonumber(ARGV[1]))
return 1
`)
