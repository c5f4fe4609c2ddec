import { FIRST_FIELD, script, VALUE_OF, type Script } from './script.js'

export interface TakeScriptTerms {
  /** Microseconds that a version marker outlives its last use. */
  readonly markerLifetime: number
  /** Time is what the call says instead of Redis' own. */
  readonly clockOfTakes: boolean
}

/**
 * Microseconds by which a key outlives what it must: until then its takes write what they changed, and no new expiry. An hour
 * where the time is not Redis' own, which may stand still.
 */
const spareOf = ({ clockOfTakes }: TakeScriptTerms): number => clockOfTakes ? 3_600_000_000 : 10_000_000

/**
 * Decides the takes of a batch one after the other as lib/limits/algorithms.ts does, in the same order of the same
 * operations on doubles; a change there is a change here. Fields hold the instant of expiry in place of the instant that
 * the algorithm keeps.
 *
 * KEYS: for each take the key of its principal, and that of its workspace after it where the list has a policy of one.
 * ARGV[1]: µs after which nothing may be counted, or 0; with `clockOfTakes` the time in µs.
 * ARGV[2]: runs of takes alike, each how many, cost and list, with a space after each number.
 * ARGV[3], …: lists of policies, each policy its kind, w where it is the workspace's and - elsewhere, its id, and with a space
 * after each number quota and window in µs, of a bucket the µs of one unit and of all.
 * Answers now, and unless it is too late for each take: its marker, then of each policy remaining and reset in seconds, or
 * -1 - reset in µs where the policy refuses. A marker of -1 stands alone: one of its keys holds something else. All of it as
 * one text of little-endian doubles, since a client pays for each element of an array what it pays for a text.
 *
 * Most takes rewrite a value in place (SETRANGE): for Redis a new expiry costs more than all the rest of a write, and one is
 * due only where the value says that its own comes too early.
 */
export function takeScriptOf (terms: TakeScriptTerms): Script {
  const { markerLifetime, clockOfTakes } = terms
  return script(`
local KEYS, ARGV, call, read, write, sub, ceil, floor, max, min = KEYS, ARGV, redis.call, struct.unpack, struct.pack, string.sub, math.ceil, math.floor, math.max, math.min
${clockOfTakes ? 'local now = ARGV[1] + 0' : TIME}
${VALUE_OF}
-- \`needed\`: until when the key has to be kept; for ever where the value has grown.
local function store (name, value, marker, kept_until, needed)
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
  kept_until = last + ${spareOf(terms)}
  call('SET', name, header(marker, kept_until) .. fields, 'PX', string.format('%d', ceil((kept_until - now) / 1000)))
end

local lists = {}
for i = 3, #ARGV do
  local list, policies = {}, 0
  for kind, whose, id, quota, window in ARGV[i]:gmatch('(.)(.)(........)(%S+) (%S+) ') do
    policies, quota, window = policies + 1, quota + 0, window + 0
    if whose == 'w' then list.shared = true end
    list[policies] = { kind, whose == 'w', id, quota, window, kind == 'w' and '<dd' or '<d', kind == 's' and window / 10 - 1 + window or window }
  end
  lists[i - 2] = list
end

local answer, size, at = { now }, 1, 1
for length, cost, list in ARGV[2]:gmatch('(%S+) (%S+) (%S+) ') do
  cost, list = cost + 0, lists[list + 0]
  for _ = 1, length do
    local own_name, shared_name = KEYS[at]
    local own, marker, own_kept_until = value_of(own_name)
    local shared, _, shared_kept_until = own
    at, size = at + 1, size + 1
    if list.shared then
      shared_name = KEYS[at]
      shared, _, shared_kept_until = value_of(shared_name)
      at = at + 1
    end
    if not own or not shared then
      answer[size] = -1
    else
      local first, admitted, own_needed, shared_needed = size, true, 0, 0
      answer[size] = marker
      for i = 1, #list do
        local policy = list[i]
        local kind, is_shared, id, quota, window = policy[1], policy[2], policy[3], policy[4], policy[5]
        local value = is_shared and shared or own
        local place, expiry, counted = nil, 0
        local field = ${FIRST_FIELD}
        while field < #value do
          local found, count, numbers = read('<c8B', value, field)
          if found == id then
            place = numbers
            break
          end
          field = numbers + 8 * count
        end
        if place then
          expiry, counted = read(policy[6], value, place)
          if expiry > now + policy[7] then
            -- The clock was set back, which holds whatever is decided.
            expiry = now + policy[7]
            local text = write('<d', expiry)
            value = sub(value, 1, place - 1) .. text .. sub(value, place + 8)
            if is_shared then shared = value else own = value end
            call('SETRANGE', is_shared and shared_name or own_name, place - 1, text)
          end
        end

        local admits, available, reset, numbers
        if kind == 'w' then
          if now >= expiry then expiry, counted = now + window, 0 end
          available, reset, counted = quota - counted, expiry - now, counted + cost
          admits = quota > 0 and counted <= quota
          numbers = write('<dd', expiry, counted)
        elseif kind == 'b' then
          local unit, fill, full = quota, window, max(expiry, now)
          local free = fill - (full - now)
          local left = free - cost * unit
          admits, available, reset = left >= 0, floor(free / unit), left < 0 and -left or min(fill - left, unit - math.fmod(left, unit))
          expiry = full + cost * unit
          numbers = write('<d', expiry)
        else
          local slice = window / 10
          local before = place and expiry - window or now
          local passed = max(0, ceil((now - before) / slice))
          local last = passed > 10 and now or before + passed * slice
          local oldest = last > now and 10 or 9
          local slices, taken = {}, 0
          for age = 0, 10 do
            local count = 0
            if place and age >= passed and age <= oldest then count = read('<d', value, place + 8 * (1 + age - passed)) end
            slices[1 + age], taken = count, taken + count
          end
          local missing = taken + cost - quota
          admits, available, reset = missing <= 0, quota - taken, 0
          if admits then slices[1] = slices[1] + cost end
          local wanted, freed = admits and 1 or missing, 0
          for age = 10, 0, -1 do
            if freed >= wanted then break end
            if slices[1 + age] > 0 then
              freed = freed + slices[1 + age]
              reset = last + (10 - age) * slice - now
            end
          end
          expiry = last + window
          numbers = write('<dddddddddddd', expiry, unpack(slices))
        end

        if not admits then
          if admitted then
            for earlier = first + 1, size, 2 do answer[earlier] = answer[earlier] + cost end
          end
          admitted, available, reset = false, max(0, available), -1 - reset
        else
          reset = ceil(reset / 1000000)
          if admitted and cost > 0 then
            available = available - cost
            if place then
              value = sub(value, 1, place - 1) .. numbers .. sub(value, place + #numbers)
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
        if own_needed > 0 then store(own_name, own, marker, own_kept_until, own_needed) end
        if shared_needed > 0 then store(shared_name, shared, 0, shared_kept_until, shared_needed) end
      end
    end
  end
end

if size <= 1000 then return write('<' .. ('d'):rep(size), unpack(answer)) end
local packed = {}
for first = 1, size, 1000 do
  local last = min(first + 999, size)
  packed[#packed + 1] = write('<' .. ('d'):rep(last - first + 1), unpack(answer, first, last))
end
return table.concat(packed)
`)
}

const TIME = `
local time, latest = call('TIME'), ARGV[1] + 0
local now = time[1] * 1000000 + time[2]
if latest > 0 and now > latest then return write('<d', now) end
`
