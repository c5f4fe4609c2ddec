-- Calls one path with each API key of a file in turn, and prints the figures as JSON.
local requests, at = {}, 0

function init (args)
  for key in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format('GET', nil, { Authorization = 'Bearer ' .. key })
  end
end

function request ()
  at = at % #requests + 1
  return requests[at]
end

function done (summary, latency)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.timeout
  print(('{"requests":%d,"rps":%f,"p50":%d,"p99":%d,"refused":%d,"failed":%d}'):format(
    summary.requests, summary.requests / summary.duration * 1e6,
    latency:percentile(50), latency:percentile(99), errors.status, failed))
end
