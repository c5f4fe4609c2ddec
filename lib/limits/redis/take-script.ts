import { ALGORITHMS } from './algorithms-script.js'
import { FIRST_FIELD, script, VALUE_OF, type Script } from './scripts.js'

export interface TakeScriptOptions {
  /** Microseconds that a version marker outlives its last use. */
  readonly markerLifetime: number
  /** Time is what the call says instead of Redis' own. */
  readonly clockOfTakes: boolean
}

/**
 * Decides the takes of a call one after the other.
 *
 * KEYS: for each take the key of its principal, then the key of its workspace where one of its policies needs it.
 * ARGV[1]: µs by Redis' clock after which nothing may be counted; with `clockOfTakes` the time itself.
 * ARGV[2]: runs of equal takes: how many, cost, number of the list of policies; each followed by a space.
 * ARGV[3], …: lists of policies: kind, `w` for a workspace's or `-`, 8 letters of the id, then two numbers (quota and
 * window in µs; of a bucket the µs of one unit and of all), each followed by a space.
 *
 * Answers the time, and unless it is too late the number of keys that contained something else; then for each take its
 * marker, and of each policy the remaining units and the reset in seconds, or -1 - reset in µs where the policy
 * refuses. All of it as one text of little-endian doubles, which costs a client less than an array of numbers.
 *
 * Most takes overwrite a value in place (SETRANGE), since a new expiry costs Redis more than the rest of the write. One
 * is set only where the key would otherwise expire too early.
 */
export function takeScriptOf ({ markerLifetime, clockOfTakes }: TakeScriptOptions): Script {
  return script(`
local KEYS, ARGV, call, read, write = KEYS, ARGV, redis.call, struct.unpack, struct.pack
local sub, ceil, floor, max, min = string.sub, math.ceil, math.floor, math.max, math.min
${clockOfTakes ? 'local now = ARGV[1] + 0' : REDIS_TIME}
${VALUE_OF}
${ALGORITHMS}
-- Writes a value that must be kept until \`needed\`.
local function save (name, value, marker, kept_until, needed)
  if marker > 0 then needed = max(needed, now + ${markerLifetime}) end
  if needed <= kept_until then return call('SETRANGE', name, '0', value) end
  local at, fields, last = ${FIRST_FIELD}, '', marker > 0 and now + ${markerLifetime} or now
  while at < #value do
    local _, count, numbers = read('<c8B', value, at)
    local following = numbers + 8 * count
    local expiry = read('<d', value, numbers)
    if expiry > now then fields, last = fields .. sub(value, at, following - 1), max(last, expiry) end
    at = following
  end
  kept_until = last + ${spareTime(clockOfTakes)}
  value = header(${FIRST_FIELD - 1} + #fields, marker, kept_until) .. fields
  call('SET', name, value, 'PX', string.format('%d', ceil((kept_until - now) / 1000)))
end

local lists = {}
for i = 3, #ARGV do
  local list, policies = {}, 0
  for kind, whose, id, quota, window in ARGV[i]:gmatch('(.)(.)(........)(%S+) (%S+) ') do
    policies, quota, window = policies + 1, quota + 0, window + 0
    if whose == 'w' then list.shared = true end
    local longest = kind == 's' and window / 10 - 1 + window or window
    list[policies] = { algorithms[kind], whose == 'w', id, quota, window, longest }
  end
  lists[i - 2] = list
end

local answer, size, key = { now, 0 }, 2, 1
for length, cost, number in ARGV[2]:gmatch('(%S+) (%S+) (%S+) ') do
  local list = lists[number + 0]
  cost = cost + 0
  for _ = 1, length do
    local own_name, shared_name = KEYS[key]
    local own, marker, own_kept_until = value_of(own_name)
    local shared, shared_kept_until, _
    key, size = key + 1, size + 1
    if list.shared then
      shared_name = KEYS[key]
      shared, _, shared_kept_until = value_of(shared_name)
      key = key + 1
    end
    local first, admitted, own_needed, shared_needed = size, true, 0, 0
    answer[size] = marker
    for i = 1, #list do
      local policy = list[i]
      local is_shared, id = policy[2], policy[3]
      local value, expiry = is_shared and shared or own, 0
      local at = find(value, id)
      if at then
        local latest = now + policy[6]
        expiry = read('<d', value, at)
        if not (expiry <= latest) then
          -- The clock was set back: kept whatever is decided, so that it holds from now on.
          expiry = latest
          local text = write('<d', expiry)
          value = sub(value, 1, at - 1) .. text .. sub(value, at + 8)
          if is_shared then shared = value else own = value end
          call('SETRANGE', is_shared and shared_name or own_name, at - 1, text)
        end
      end
      local admits, available, reset, numbers
      admits, available, reset, expiry, numbers = policy[1](policy[4], policy[5], value, at, expiry, cost)
      if not admits then
        if admitted then
          for earlier = first + 1, size, 2 do answer[earlier] = answer[earlier] + cost end
        end
        admitted, available, reset = false, max(0, available), -1 - reset
      else
        reset = ceil(reset / 1000000)
        if admitted and cost > 0 then
          available = available - cost
          if at then
            value = sub(value, 1, at - 1) .. numbers .. sub(value, at + #numbers)
          else
            value, expiry = value .. write('<c8B', id, #numbers / 8) .. numbers, math.huge
          end
          if is_shared then
            shared, shared_needed = value, max(shared_needed, expiry)
          else
            own, own_needed = value, max(own_needed, expiry)
          end
        end
      end
      answer[size + 1], answer[size + 2], size = available, reset, size + 2
    end
    if admitted then
      if own_needed > 0 then save(own_name, own, marker, own_kept_until, own_needed) end
      if shared_needed > 0 then save(shared_name, shared, 0, shared_kept_until, shared_needed) end
    end
  end
end
answer[2] = foreign

if size <= 1000 then return write('<' .. ('d'):rep(size), unpack(answer)) end
local packed = {}
for first = 1, size, 1000 do
  local last = min(first + 999, size)
  packed[#packed + 1] = write('<' .. ('d'):rep(last - first + 1), unpack(answer, first, last))
end
return table.concat(packed)
`)
}

const REDIS_TIME = `
local time, latest = call('TIME'), ARGV[1] + 0
local now = time[1] * 1000000 + time[2]
if now > latest then return write('<d', now) end
`

/**
 * Microseconds that a key is kept longer than it must be, so that the next takes need no new expiry. An hour where the
 * time is not Redis' own, which may stand still.
 */
function spareTime (clockOfTakes: boolean): number {
  return clockOfTakes ? 3_600_000_000 : 10_000_000
}
