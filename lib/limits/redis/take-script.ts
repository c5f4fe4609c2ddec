import { script } from './script.js'

/**
 * Decides the takes of a batch one after the other as lib/limits/algorithms.ts does, in the same order of the same
 * operations on doubles; a change there is a change here. Fields hold the instant of expiry in place of the instant that
 * the algorithm keeps.
 *
 * KEYS: for each take the key of its principal, and that of its workspace after it where the list has a policy of one.
 * ARGV[1]: JSON of [now in µs or 0 for TIME, µs after which nothing may be counted or 0, µs that a marker lives,
 * lists of [kind, id, whether it is the workspace's, quota, window in µs], of a bucket the µs of one unit and of all in their place,
 * runs of takes alike: how many, cost, list, …].
 * Answers now, and unless it is too late for each take: its marker, then of each policy remaining and reset in seconds, or
 * -1 - reset in µs where the policy refuses. A marker of -1 stands alone: one of its keys holds something else. All of it as
 * one text of little-endian doubles, since a client pays for each element of an array what it pays for a text. Where the time
 * is not Redis' own, keys live an hour at least, since that time may stand still. A marker lives on from every take; a key
 * without one goes on with its expiry while that is late enough.
 */
export const takeScript = script(`
local call, read, write, ceil, floor, max, min = redis.call, struct.unpack, struct.pack, math.ceil, math.floor, math.max, math.min
local format = string.format
local now, latest, lifetime, lists, runs = unpack(cjson.decode(ARGV[1]))
local of_redis = now == 0
if of_redis then
  local time = call('TIME')
  now = time[1] * 1000000 + time[2]
end
if latest > 0 and now > latest then return write('<d', now) end
local answer, size = { now }, 1

-- Until when a key is kept whose last field expires then: in steps, since a new expiry costs Redis as much again as what is written.
local function kept_until (expiry)
  return ceil(expiry / 10000000) * 10000000
end

-- A key: its marker, whether it has changed, its fields by id, its name, when the last of them expires as stored.
-- A field: its expiry and its numbers.
local held, absent, changed = {}, {}, {}
local raws = call('MGET', unpack(KEYS))
for i = 1, #KEYS do
  local name, raw = KEYS[i], raws[i]
  if held[name] == nil then
    if not raw then
      held[name], absent[#absent + 1] = { 0, false, {}, name, 0 }, name
    elseif raw:sub(1, 2) ~= 'K1' then
      held[name] = false
    else
      local marker, at = read('<d', raw, 3)
      local fields, length, last = {}, #raw, 0
      while at <= length do
        local id, expiry, count, following = read('<c8dB', raw, at)
        local field = { expiry }
        for n = 1, count do field[n + 1], following = read('<d', raw, following) end
        fields[id], at = field, following
        if expiry > last then last = expiry end
      end
      held[name] = { marker, false, fields, name, last }
    end
  end
end
if #absent > 0 and call('EXISTS', unpack(absent)) > 0 then
  for _, name in ipairs(absent) do
    if call('EXISTS', name) == 1 then held[name] = false end
  end
end

local function change (key)
  if not key[2] then key[2], changed[#changed + 1] = true, key end
end

for _, list in ipairs(lists) do
  for _, policy in ipairs(list) do list.shared = list.shared or policy[3] end
end
local at, nexts = 1, {}
for run = 1, #runs, 3 do
  local cost, list = runs[run + 1], lists[runs[run + 2]]
  for _ = 1, runs[run] do
    local own = held[KEYS[at]]
    local shared = own
    at, size = at + 1, size + 1
    if list.shared then
      shared = held[KEYS[at]]
      at = at + 1
    end
    if not own or not shared then
      answer[size] = -1
    else
      answer[size] = own[1]
      local admitted, first = true, size
      for i = 1, #list do
        local policy = list[i]
        local kind, id, quota, window = policy[1], policy[2], policy[4], policy[5]
        local key = policy[3] and shared or own
        local field, admits, available, reset = key[3][id]
        if kind == 'w' then
          local closes, taken = now + window, 0
          if field then
            if field[1] > closes then
              field[1] = closes
              change(key)
            end
            if now < field[1] then closes, taken = field[1], field[2] end
          end
          admits, available, reset = quota > 0 and taken + cost <= quota, quota - taken, closes - now
          nexts[i] = { closes, taken + cost }
        elseif kind == 'b' then
          local unit, fill, full = quota, window, now
          if field then
            if field[1] > now + fill then
              field[1] = now + fill
              change(key)
            end
            full = max(field[1], now)
          end
          local free = fill - (full - now)
          local left = free - cost * unit
          admits, available, reset = left >= 0, floor(free / unit), left < 0 and -left or min(fill - left, unit - math.fmod(left, unit))
          nexts[i] = { full + cost * unit }
        else
          local slice = window / 10
          local newest = now + slice - 1 + window
          if field and field[1] > newest then
            field[1] = newest
            change(key)
          end
          local before = field and field[1] - window or now
          local passed = max(0, ceil((now - before) / slice))
          local last = passed > 10 and now or before + passed * slice
          local oldest = last > now and 10 or 9
          local slices, taken = { last + window }, 0
          for age = 0, 10 do
            local count = 0
            if field and age >= passed and age <= oldest then count = field[2 + age - passed] end
            slices[2 + age], taken = count, taken + count
          end
          local missing = taken + cost - quota
          admits, available, reset = missing <= 0, quota - taken, 0
          if admits then slices[2] = slices[2] + cost end
          local wanted, freed = admits and 1 or missing, 0
          for age = 10, 0, -1 do
            if freed >= wanted then break end
            if slices[2 + age] > 0 then
              freed = freed + slices[2 + age]
              reset = last + (10 - age) * slice - now
            end
          end
          nexts[i] = slices
        end
        if admits then reset = ceil(reset / 1000000) else admitted, reset = false, -1 - reset end
        answer[size + 1], answer[size + 2], size = available, reset, size + 2
      end
      local counted = admitted and cost or 0
      for i = 1, #list do
        local available = first + 2 * i - 1
        answer[available] = max(0, answer[available] - counted)
        if counted > 0 then
          local policy = list[i]
          local key = policy[3] and shared or own
          key[3][policy[2]] = nexts[i]
          change(key)
        end
      end
    end
  end
end

for i = 1, #changed do
  local marker, _, fields, name, stored = unpack(changed[i])
  local value, last = write('<c2d', 'K1', marker), 0
  for id, field in pairs(fields) do
    local expiry, count = field[1], #field - 1
    if expiry > now then
      if count == 1 then
        value = value .. write('<c8dBd', id, expiry, 1, field[2])
      else
        value = value .. write('<c8dB' .. ('d'):rep(count), id, expiry, count, unpack(field, 2))
      end
      if expiry > last then last = expiry end
    end
  end
  if of_redis and marker == 0 and (last == stored or kept_until(last) == kept_until(stored)) then
    call('SET', name, value, 'KEEPTTL')
  else
    local ends = kept_until(last)
    if marker > 0 then ends = max(ends, now + lifetime) end
    if not of_redis then ends = max(ends, now + 3600000000) end
    call('SET', name, value, 'PX', format('%d', max(1, ceil((ends - now) / 1000))))
  end
end

local packed = {}
for first = 1, size, 1000 do
  local last = min(first + 999, size)
  packed[#packed + 1] = write('<' .. ('d'):rep(last - first + 1), unpack(answer, first, last))
end
return table.concat(packed)
`)
