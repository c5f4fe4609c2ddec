/** Writes an endpoint of the expected version ('' for a new one). KEYS: endpoint, list. ARGV: expected, version, record, member. */
export const WRITE = `
if (redis.call('HGET', KEYS[1], 'version') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'record', ARGV[3])
redis.call('ZADD', KEYS[2], 0, ARGV[4])
return 1`

/** KEYS: endpoint, list of endpoints. ARGV: member. */
export const REMOVE = `
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('DEL', KEYS[1])`

/** Adds a delivery to an endpoint that is there. KEYS: endpoint, delivery, due, list, list of its state. ARGV: id, member, due ('' for none), record, attempts, state. */
export const ADD = `
if redis.call('EXISTS', KEYS[1]) == 0 or redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
redis.call('HSET', KEYS[2], 'record', ARGV[4], 'attempts', ARGV[5], 'state', ARGV[6], 'due', ARGV[3])
if ARGV[3] ~= '' then redis.call('ZADD', KEYS[3], ARGV[3], ARGV[1]) end
redis.call('ZADD', KEYS[4], 0, ARGV[2])
redis.call('ZADD', KEYS[5], 0, ARGV[2])
return 1`

/** Takes what is due of one endpoint, and says when something is next. KEYS: due. ARGV: now, until, how many, name of deliveries. */
export const TAKE = `
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
local taken = {}
for i, id in ipairs(ids) do
  redis.call('ZADD', KEYS[1], ARGV[2], id)
  redis.call('HSET', ARGV[4] .. id, 'due', ARGV[2])
  taken[i] = redis.call('HMGET', ARGV[4] .. id, 'record', 'attempts', 'state', 'due')
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return {first[2] or '', taken}`

/** Notes how an attempt ended, for who holds it. KEYS: delivery, due, list of its state, list of the next. ARGV: id, member, held until, state, attempts, due ('' for none). */
export const SETTLE = `
if redis.call('HGET', KEYS[1], 'due') ~= ARGV[3] then return 0 end
redis.call('HSET', KEYS[1], 'state', ARGV[4], 'attempts', ARGV[5], 'due', ARGV[6])
if ARGV[6] == '' then redis.call('ZREM', KEYS[2], ARGV[1]) else redis.call('ZADD', KEYS[2], ARGV[6], ARGV[1]) end
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('ZADD', KEYS[4], 0, ARGV[2])
return 1`

/** Forgets deliveries. KEYS: due, list, lists of states. ARGV: name of deliveries, whether only those that have ended, then ids and members. @returns how many of them are pending */
export const FORGET = `
local pending = 0
for i = 3, #ARGV, 2 do
  local name = ARGV[1] .. ARGV[i]
  if ARGV[2] == '1' and (redis.call('HGET', name, 'due') or '') ~= '' then
    pending = pending + 1
  else
    redis.call('DEL', name)
    redis.call('ZREM', KEYS[1], ARGV[i])
    for k = 2, #KEYS do redis.call('ZREM', KEYS[k], ARGV[i + 1]) end
  end
end
return pending`

/** Takes endpoints whose turn it is, until an instant. KEYS: turns. ARGV: now, until, how many, then those that are not wanted. */
export const TURNS = `
local passed = {}
for i = 4, #ARGV do passed[ARGV[i]] = true end
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3] + #ARGV - 3)
local taken = {}
for _, lane in ipairs(found) do
  if not passed[lane] and #taken < tonumber(ARGV[3]) then
    redis.call('ZADD', KEYS[1], ARGV[2], lane)
    taken[#taken + 1] = lane
  end
end
return taken`

/** Gives an endpoint its next turn ('' for none), unless something new has come meanwhile. KEYS: turns. ARGV: lane, until when it was taken, turn. */
export const PASS = `
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '') ~= tonumber(ARGV[2]) then return 0 end
if ARGV[3] == '' then return redis.call('ZREM', KEYS[1], ARGV[1]) end
redis.call('ZADD', KEYS[1], ARGV[3], ARGV[1])
return 1`

/** When the first endpoint that is wanted has its turn. KEYS: turns. ARGV: those that are not wanted. */
export const NEXT = `
local passed = {}
for _, lane in ipairs(ARGV) do passed[lane] = true end
local found = redis.call('ZRANGE', KEYS[1], 0, #ARGV, 'WITHSCORES')
for i = 1, #found, 2 do if not passed[found[i]] then return found[i + 1] end end
return ''`
