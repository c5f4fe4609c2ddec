-- Sends what each line of a file asks for, "path credential", line after line; prints what came of it as JSON.
local requests, at = {}, 0

function init (args)
  for line in io.lines(args[1]) do
    local path, credential = line:match('^(%S+) (%S+)$')
    requests[#requests + 1] = wrk.format('GET', path, { Authorization = 'Bearer ' .. credential })
  end
end

function request ()
  at = at % #requests + 1
  return requests[at]
end

function done (summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  print(('{"requests":%d,"seconds":%f,"p50":%d,"p99":%d,"refused":%d,"failed":%d}'):format(
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99), errors.status, failed))
end
