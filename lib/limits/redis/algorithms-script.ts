import { FIRST_FIELD } from './scripts.js'

/**
 * The algorithms of lib/limits/algorithms.ts in Lua, in the same order of the same operations on doubles; a change
 * there is a change here. A field holds the instant of its expiry in place of the instant that the algorithm keeps.
 *
 * Each takes quota and window in µs (of a bucket the µs of one unit and of all), its state and a cost: the value, the
 * position of the field's numbers in it (nil where there is none), and the first number. It answers whether the policy
 * admits, the units available before, the µs until more come back, and, for the case that the take counts, the new
 * expiry and numbers.
 */
export const ALGORITHMS = `
local function fixed_window (quota, window, value, at, expiry, cost)
  local counted = 0
  if at and now < expiry then counted = read('<d', value, at + 8) else expiry = now + window end
  local total = counted + cost
  return quota > 0 and total <= quota, quota - counted, expiry - now, expiry, write('<dd', expiry, total)
end

local function token_bucket (unit, fill, value, at, expiry, cost)
  local full = max(expiry, now)
  local free = fill - (full - now)
  local left = free - cost * unit
  local reset = left < 0 and -left or min(fill - left, unit - math.fmod(left, unit))
  expiry = full + cost * unit
  return left >= 0, floor(free / unit), reset, expiry, write('<d', expiry)
end

local function sliding_window (quota, window, value, at, expiry, cost)
  local slice = window / 10
  local before = at and expiry - window or now
  local passed = max(0, ceil((now - before) / slice))
  local last = passed > 10 and now or before + passed * slice
  local oldest = last > now and 10 or 9
  local slices, taken = {}, 0
  for age = 0, 10 do
    local count = 0
    if at and age >= passed and age <= oldest then count = read('<d', value, at + 8 * (1 + age - passed)) end
    slices[1 + age], taken = count, taken + count
  end
  local missing = taken + cost - quota
  local admits, reset = missing <= 0, 0
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
  return admits, quota - taken, reset, expiry, write('<dddddddddddd', expiry, unpack(slices))
end

local algorithms = { w = fixed_window, b = token_bucket, s = sliding_window }

-- The position of the numbers of a field; nil where the value has none of this policy.
local function find (value, id)
  local field = ${FIRST_FIELD}
  while field < #value do
    local found, count, numbers = read('<c8B', value, field)
    if found == id then return numbers end
    field = numbers + 8 * count
  end
end
`
