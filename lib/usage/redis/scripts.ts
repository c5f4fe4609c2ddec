/**
 * Adds one part of a batch to a workspace, unless its writer has added it already.
 *
 * KEYS: the writer's, then a hash for each key and day. ARGV: sequence, seconds to remember it; then for each hash
 * milliseconds until it expires, how many counts, and for each count its field and its requests.
 */
export const ADD = `
if (tonumber(redis.call('GET', KEYS[1])) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
local i = 3
for k = 2, #KEYS do
  local expires, counts = ARGV[i], tonumber(ARGV[i + 1])
  i = i + 2
  for _ = 1, counts do
    redis.call('HINCRBY', KEYS[k], ARGV[i], ARGV[i + 1])
    i = i + 2
  end
  redis.call('PEXPIRE', KEYS[k], expires)
end
return 1`

/** Fields and values, in turn, of each hash. KEYS: hashes. */
export const READ = `
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found`
