/**
 * Writes a record whose stored version is the expected one, moves it between lists, and makes it due for notices unless
 * somebody has a lease on it. `change` is unique to one call, so that a client that sends it twice gets the same answer
 * twice.
 *
 * KEYS: record, lists to leave, lists to join. ARGV: change, expected version ('' for a new key), how many lists to
 * leave, member, then fields and values of the record.
 */
export const WRITE = `
local stored = redis.call('HMGET', KEYS[1], 'change', 'version')
if stored[1] == ARGV[1] then return 1 end
if (stored[2] or '') ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'change', ARGV[1], unpack(ARGV, 5))
if redis.call('HEXISTS', KEYS[1], 'noticeLease') == 0 then redis.call('HSET', KEYS[1], 'noticeAt', '0') end
local leave = tonumber(ARGV[3])
for i = 2, #KEYS do
  if i <= leave + 1 then redis.call('ZREM', KEYS[i], ARGV[4]) else redis.call('ZADD', KEYS[i], 0, ARGV[4]) end
end
return 1`

/**
 * PERSIST is a write, so only a master runs a script that begins with it: a replica, such as a demoted master, answers
 * READONLY, and a master whose `min-replicas-to-write` is not met NOREPLICAS. It changes nothing, as nothing expires.
 */
const ON_MASTER = 'redis.call(\'PERSIST\', KEYS[1])\n'

/** All fields of a record and their values, in turn. KEYS: record. */
export const READ = `${ON_MASTER}return redis.call('HGETALL', KEYS[1])`

/** Workspace and id for a hash. KEYS: hash. */
export const FOLLOW = `${ON_MASTER}return redis.call('GET', KEYS[1])`

/** Members of a list, newest first. KEYS: list. ARGV: where to begin, how many at most. */
export const PAGE = `${ON_MASTER}return redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[1], '-', 'LIMIT', 0, ARGV[2])`

/** Raises times of use. KEYS: record. ARGV: field, milliseconds, field, milliseconds, … */
export const USE = `
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
for i = 1, #ARGV, 2 do
  local stored = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '')
  if not stored or stored < tonumber(ARGV[i + 1]) then redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
end
return 1`
