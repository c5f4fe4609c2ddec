/**
 * Members whose instant has come, earliest first, with it; all of them are somebody's until ARGV 2.
 *
 * KEYS: sorted set. ARGV: now, until, how many at most.
 */
export const TAKE = `
local taken = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #taken, 2 do redis.call('ZADD', KEYS[1], ARGV[2], taken[i]) end
return taken`

/** Gives a member another instant, or none, if it has the expected one. KEYS: sorted set. ARGV: member, expected, instant ('' for none). */
export const MOVE = `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1`

/**
 * Holds a record whose instant has come: all its fields and their values. Of any other, its instant alone; '' for one that
 * needs no look, or is not there.
 *
 * KEYS: record. ARGV: now, until.
 */
export const CLAIM = `
local stored = redis.call('HMGET', KEYS[1], 'version', 'noticeAt')
if not stored[1] then return {''} end
local at = stored[2] or '0'
if at == '' or tonumber(at) > tonumber(ARGV[1]) then return {at} end
redis.call('HSET', KEYS[1], 'noticeAt', ARGV[2], 'noticeHeld', ARGV[2])
return redis.call('HGETALL', KEYS[1])`

/**
 * Ends a hold, unless another one has begun: nothing then. KEYS: record. ARGV: until when it was, version that was given
 * out, what was noticed, instant ('' for none). @returns the instant, which is 0 for a record that was changed meanwhile
 */
export const SETTLE = `
local stored = redis.call('HMGET', KEYS[1], 'noticeHeld', 'version')
if stored[1] ~= ARGV[1] then return false end
local at = ARGV[4]
if stored[2] ~= ARGV[2] then at = '0' end
redis.call('HDEL', KEYS[1], 'noticeHeld')
redis.call('HSET', KEYS[1], 'noticed', ARGV[3], 'noticeAt', at)
return at`
