/** Adds an endpoint unless its workspace has too many. KEYS: endpoint, list. ARGV: most, version, record, member. */
export const INSERT = `
if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
return 1`

/** Writes an endpoint of the expected version. KEYS: endpoint, list. ARGV: expected, version, record, member. */
export const UPDATE = `
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
return 1`

/** KEYS: endpoint, list of endpoints. ARGV: member. */
export const REMOVE = `
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])`

/**
 * Adds a delivery to an endpoint that exists. KEYS: endpoint, delivery, due, list, list of its state. ARGV: id, member,
 * due ('' for never), record, attempts, state.
 */
export const ADD = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'record', ARGV[4], 'attempts', ARGV[5], 'state', ARGV[6], 'due', ARGV[3])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
redis.call('ZADD', KEYS[4], 0, ARGV[2])
redis.call('ZADD', KEYS[5], 0, ARGV[2])
return 1`

/**
 * Leases the deliveries to one endpoint that are due. KEYS: due. ARGV: now, until, how many at most, what names of
 * deliveries begin with. @returns when the next is due ('' for never), ids, and the fields of each
 */
export const CLAIM = `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
local claimed = {}
for i, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
  redis.call('HSET', ARGV[4] .. id, 'due', ARGV[2])
  claimed[i] = redis.call('HMGET', ARGV[4] .. id, 'record', 'attempts', 'state', 'due')
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {first[2] or '', ids, claimed}`

/**
 * Writes how an attempt ended, unless the lease ran out. KEYS: delivery, due, list of its state, list of the next
 * state. ARGV: id, member, end of the lease, state, attempts, due ('' for never).
 */
export const SETTLE = `
if redis.call('HGET', KEYS[1], 'due') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'attempts', ARGV[5], 'due', ARGV[6])
if ARGV[6] == '' then redis.call('ZREM', KEYS[2], ARGV[1]) else redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1]) end
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[4], 0, ARGV[2])
return 1`

/**
 * Deletes deliveries to one endpoint. KEYS: due, list, lists of states. ARGV: what names of deliveries begin with, 1
 * to keep those that are pending, then ids and members in turn. @returns how many were kept, and how many deleted
 */
export const DELETE = `
local kept, deleted = 0, 0
for i = 3, #ARGV, 2 do
  local name = ARGV[1] .. ARGV[i]
  if ARGV[2] == '1' and (redis.call('HGET', name, 'due') or '') ~= '' then
    kept = kept + 1
  else
    deleted = deleted + redis.call('DEL', name)
    redis.call('ZREM', KEYS[1], ARGV[i])
    for k = 2, #KEYS do redis.call('ZREM', KEYS[k], ARGV[i + 1]) end
  end
end
return {kept, deleted}`

/**
 * Leases endpoints that are claimable. KEYS: claimable. ARGV: now, until, how many at most, then those to leave out.
 */
export const LEASE = `
local except = {}
for i = 4, #ARGV do except[ARGV[i]] = true end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3] + #ARGV - 3)
local leased = {}
for _, endpoint in ipairs(found) do
  if not except[endpoint] and #leased < tonumber(ARGV[3]) then
    redis.call('ZADD', KEYS[1], ARGV[2], endpoint)
    leased[#leased + 1] = endpoint
  end
end
return leased`

/**
 * Ends the lease of an endpoint, unless a new delivery ended it before. KEYS: claimable. ARGV: endpoint, end of the
 * lease, when it is claimable next ('' for never).
 */
export const RELEASE = `
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '') ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1`

/** When the first endpoint is claimable ('' for never). KEYS: claimable. ARGV: endpoints to leave out. */
export const NEXT = `
local except = {}
for _, endpoint in ipairs(ARGV) do except[endpoint] = true end
local found = redis.call('ZRANGE', KEYS[1], 0, #ARGV, 'WITHSCORES')
for i = 1, #found, 2 do if not except[found[i]] then return found[i + 1] end end
return ''`
