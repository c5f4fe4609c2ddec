/**
 * Members that are due, earliest first, each followed by its score. Until ARGV 2 they are this caller's.
 *
 * KEYS: sorted set. ARGV: now, until, how many at most.
 */
export const TAKE = `
local taken = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'WITHSCORES', 'LIMIT', 0, ARGV[3])
for i = 1, #taken, 2 do redis.call('ZADD', KEYS[1], ARGV[2], taken[i]) end
return taken`

/**
 * Replaces a member's score ('': removes it) if it is the expected one. KEYS: sorted set. ARGV: member, expected,
 * score.
 */
export const MOVE = `
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not score or tonumber(score) ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1`

/**
 * Leases a record that is due, and returns all its fields and their values. Of any other record it returns only when
 * that is due: '' for never, or where there is none.
 *
 * KEYS: record. ARGV: now, until.
 */
export const CLAIM = `
local stored = redis.call('HMGET', KEYS[1], 'version', 'noticeAt')
if not stored[1] then return {''} end
local at = stored[2] or '0'
if at == '' or (tonumber(at) or 0) > tonumber(ARGV[1]) then return {at} end
redis.call('HSET', KEYS[1], 'noticeAt', ARGV[2], 'noticeLease', ARGV[2])
return redis.call('HGETALL', KEYS[1])`

/**
 * Ends a lease, unless it ran out and another began. KEYS: record. ARGV: end of the lease, version of the leased
 * record, notices that it has had, when it is due next ('' for never). @returns when it is due: 0 for a record that
 * was changed
 */
export const SETTLE = `
local stored = redis.call('HMGET', KEYS[1], 'noticeLease', 'version')
if stored[1] ~= ARGV[1] then return false end
local at = ARGV[4]
if stored[2] ~= ARGV[2] then at = '0' end
redis.call('HDEL', KEYS[1], 'noticeLease')
redis.call('HSET', KEYS[1], 'noticed', ARGV[3], 'noticeAt', at)
return at`
