import { script, VALUE } from './script.js'

/**
 * Decides the takes of a batch one after the other as lib/limits/algorithms.ts does, in the same order of the same
 * operations on doubles; a change there is a change here. Fields hold the instant of expiry in place of the instant that
 * the algorithm keeps.
 *
 * KEYS: for each take the key of its principal, and that of its workspace after it where the list has a policy of one.
 * ARGV[1]: JSON of [now in µs or 0 for TIME, µs after which nothing may be counted or 0, µs that a marker lives,
 * lists of [kind, id, quota, window in µs, µs of one unit, capacity, whether it is the workspace's],
 * runs of takes alike: how many, cost, list, …].
 * Answers now, and unless it is too late for each take: its marker, then of each policy remaining and reset in seconds, or
 * -1 - reset in µs where the policy refuses. A marker of -1 stands alone: one of its keys holds something else. Where the time
 * is not Redis' own, keys live an hour at least, since that time may stand still.
 */
export const takeScript = script(`${VALUE}
local now, latest, lifetime, lists, runs = unpack(cjson.decode(ARGV[1]))
local shortest = 3600000
if now == 0 then
  shortest = 1
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local answer, size = { now }, 1
if latest > 0 and now > latest then return answer end

local settle, decide = {}, {}

function settle.w (field, _, window)
  if field[1] <= now + window then return false end
  field[1] = now + window
  return true
end

function decide.w (field, cost, quota, window)
  local closes, taken = now + window, 0
  if field and now < field[1] then closes, taken = field[1], field[2] end
  return quota > 0 and taken + cost <= quota, quota - taken, closes - now, { closes, taken + cost }
end

function settle.b (field, _, _, unit, capacity)
  local full = now + capacity * unit
  if field[1] <= full then return false end
  field[1] = full
  return true
end

function decide.b (field, cost, _, _, unit, capacity)
  local fill = capacity * unit
  local full = field and math.max(field[1], now) or now
  local free = fill - (full - now)
  local left = free - cost * unit
  local reset = left < 0 and -left or math.min(fill - left, unit - math.fmod(left, unit))
  return left >= 0, math.floor(free / unit), reset, { full + cost * unit }
end

function settle.s (field, _, window)
  local last = now + window / 10 - 1 + window
  if field[1] <= last then return false end
  field[1] = last
  return true
end

function decide.s (field, cost, quota, window)
  local slice = window / 10
  local before = field and field[1] - window or now
  local passed = math.max(0, math.ceil((now - before) / slice))
  local last = passed > 10 and now or before + passed * slice
  local oldest = last > now and 10 or 9
  local slices, taken = { last + window }, 0
  for age = 0, 10 do
    local count = 0
    if field and age >= passed and age <= oldest then count = field[2 + age - passed] end
    slices[2 + age], taken = count, taken + count
  end
  local missing = taken + cost - quota
  local admitted = missing <= 0
  if admitted then slices[2] = slices[2] + cost end
  local wanted, freed, reset = admitted and 1 or missing, 0, 0
  for age = 10, 0, -1 do
    if freed >= wanted then break end
    if slices[2 + age] > 0 then
      freed = freed + slices[2 + age]
      reset = last + (10 - age) * slice - now
    end
  end
  return admitted, quota - taken, reset, slices
end

local held, changed = {}, {}
local raws, absent = redis.call('MGET', unpack(KEYS)), {}
for i, name in ipairs(KEYS) do
  if held[name] == nil then
    held[name] = decode(raws[i])
    if not raws[i] then absent[#absent + 1] = name end
  end
end
if #absent > 0 and redis.call('EXISTS', unpack(absent)) > 0 then
  for _, name in ipairs(absent) do
    if redis.call('EXISTS', name) == 1 then held[name] = false end
  end
end

local function change (name, key)
  if key.changed then return end
  key.changed = true
  changed[#changed + 1] = name
end

local at, nexts = 1, {}
local function take (list, cost)
  local own_name, own = KEYS[at], held[KEYS[at]]
  local shared_name, shared = own_name, own
  at = at + 1
  if list.shared then
    shared_name, shared = KEYS[at], held[KEYS[at]]
    at = at + 1
  end
  if not own or not shared then
    size = size + 1
    answer[size] = -1
    return
  end
  size = size + 1
  answer[size] = own.marker
  local admitted, first = true, size
  for i, policy in ipairs(list) do
    local kind, id, quota, window, unit, capacity, of_workspace = unpack(policy)
    local name, key = own_name, own
    if of_workspace then name, key = shared_name, shared end
    local field = key.fields[id]
    if field and settle[kind](field, quota, window, unit, capacity) then change(name, key) end
    local admits, available, reset, following = decide[kind](field, cost, quota, window, unit, capacity)
    if admits then reset = math.ceil(reset / 1000000) else admitted, reset = false, -1 - reset end
    answer[size + 1], answer[size + 2], size = available, reset, size + 2
    nexts[i] = following
  end
  local counted = admitted and cost or 0
  for i, policy in ipairs(list) do
    local available = first + 2 * i - 1
    answer[available] = math.max(0, answer[available] - counted)
    if counted > 0 then
      local name, key = own_name, own
      if policy[7] then name, key = shared_name, shared end
      key.fields[policy[2]] = nexts[i]
      change(name, key)
    end
  end
end

for _, list in ipairs(lists) do
  for _, policy in ipairs(list) do list.shared = list.shared or policy[7] end
end
for i = 1, #runs, 3 do
  local cost, list = runs[i + 1], lists[runs[i + 2]]
  for _ = 1, runs[i] do take(list, cost) end
end

for _, name in ipairs(changed) do
  local key = held[name]
  local parts, latest_expiry = { 'K1', struct.pack('<d', key.marker) }, key.marker > 0 and now + lifetime or now
  for id, field in pairs(key.fields) do
    if field[1] > now then
      parts[#parts + 1] = struct.pack('<c8dB', id, field[1], #field - 1)
      for i = 2, #field do parts[#parts + 1] = struct.pack('<d', field[i]) end
      latest_expiry = math.max(latest_expiry, field[1])
    end
  end
  redis.call('SET', name, table.concat(parts), 'PX', math.max(shortest, math.ceil((latest_expiry - now) / 1000)))
end
return answer
`)
