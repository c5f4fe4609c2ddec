import { FIRST_FIELD, script, VALUE_OF } from './script.js'

/** KEYS[1], ARGV: version, ms that a marker lives. Answers the marker that stands then. */
export const markScript = script(`${VALUE_OF}
local value, before, kept_until = value_of(KEYS[1])
if not value then return redis.error_reply('WRONGTYPE not a value of this store') end
local marker = math.max(before, tonumber(ARGV[1]))
local lives = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[2]))
redis.call('SET', KEYS[1], header(marker, kept_until) .. value:sub(${FIRST_FIELD}), 'PX', lives)
return marker
`)

/** KEYS[1], ARGV: ms that a marker lives. Forgets what was counted, not the marker. */
export const resetScript = script(`${VALUE_OF}
local value, marker = value_of(KEYS[1])
if not value then return redis.error_reply('WRONGTYPE not a value of this store') end
if marker == 0 then return redis.call('DEL', KEYS[1]) end
redis.call('SET', KEYS[1], header(marker, 0), 'PX', tonumber(ARGV[1]))
return 1
`)

/** KEYS[1], ARGV: who asks, ms that a claim lives. Answers 1 to who holds it, also when asked again, and 0 to others. */
export const claimScript = script(`
local holder = redis.call('GET', KEYS[1])
if holder then return holder == ARGV[1] and 1 or 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', tonumber(ARGV[2]))
return 1
`)
