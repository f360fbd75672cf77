-- Scrapes at a fixed rate: each request has its moment on a schedule, whatever the ones before it took.
-- wrk itself has no rate. ARGS: requests per second of each thread.
local ffi = require("ffi")
ffi.cdef("typedef struct { long s; long ns; } forewarn_time; int clock_gettime(int, forewarn_time *);")
local MONOTONIC = 1
local time = ffi.new("forewarn_time")
local interval, due

local function now()
  ffi.C.clock_gettime(MONOTONIC, time)
  return tonumber(time.s) * 1000 + tonumber(time.ns) / 1e6
end

function init(args)
  interval = 1000 / tonumber(args[1])
end

function delay()
  local moment = now()
  due = due or moment
  local wait = math.max(0, due - moment)
  due = due + interval
  return math.floor(wait + 0.5)
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "seconds": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, "p999_ms": %.3f, "max_ms": %.3f, ' ..
      '"connect": %d, "read": %d, "write": %d, "status": %d, "timeout": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency:percentile(99.9) / 1e3, latency.max / 1e3,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout))
end
