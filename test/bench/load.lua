-- What wrk sends, and how it reports. Usage: wrk -s load.lua URL -- [NAME=VALUE]...
--
--   depth=N          N requests of the URL at a time, pipelined
--   law=LAW keys=N   requests of PREFIX .. key .. SUFFIX, with keys 1 to N (prefix=, suffix=) by
--                      uniform  each key as often as any other
--                      zipf     key k with probability log(1 + 1/k) / log(N + 1), a Zipf law of exponent 1
--                      next     from a random key on, one after the other: none twice within N
--                      down     from N down to 1; then wrk ends, without a report
--   delay=MS         each connection waits for so long on average before a request (exponential law)
--   seed=N           of the random numbers
--
-- Without depth and law wrk sends the same bytes each time and runs no Lua in between.

local laws = {}

function laws.uniform(keys)
  return function() return math.random(keys) end
end

function laws.zipf(keys)
  local scale = math.log(keys + 1)
  return function() return math.floor(math.exp(math.random() * scale)) end
end

function laws.next(keys)
  local key = math.random(keys)
  return function()
    key = key % keys + 1
    return key
  end
end

function laws.down(keys)
  local key = keys + 1
  return function()
    key = key - 1
    if key < -10000 then os.exit(0) end -- stopping the thread would not end wrk; by now all answers are there
    return math.max(key, 1)
  end
end

function init(args)
  local options = {}
  for _, arg in ipairs(args) do
    local name, value = arg:match("^(%w+)=(.*)$")
    options[name] = tonumber(value) or value
  end
  math.randomseed(options.seed or 1)
  if options.depth then
    local batch = wrk.format():rep(options.depth)
    request = function() return batch end
  end
  if options.law then
    local next_key = laws[options.law](options.keys)
    local head, tail = "GET " .. options.prefix, options.suffix .. " HTTP/1.1\r\nHost: localhost\r\n\r\n"
    request = function() return head .. string.format("%d", next_key()) .. tail end
  end
  if options.delay then
    delay = function() return -options.delay * math.log(1 - math.random()) end
  end
end

-- wrk adds latencies that it thinks a client at a constant rate would have seen (stats_correct), from an interval that
-- is wrong with pipelining. This takes them out again, from the longest down.
local function measured(latency, interval)
  local ffi = require("ffi")
  ffi.cdef("typedef struct { uint64_t count, limit, min, max, data[]; } wrk_stats;")
  local stats = ffi.cast("wrk_stats**", latency)[0]
  local max = tonumber(stats.max)
  assert(latency.min == tonumber(stats.min) and latency.max == max, "another wrk than 4.1")
  for longer = max, interval * 2, -1 do
    local count = stats.data[longer]
    for added = longer - interval, interval + 1, count > 0 and -interval or -longer do
      stats.data[added] = stats.data[added] - count
    end
  end
  return stats.data, tonumber(stats.min), max
end

local function percentiles(latency, summary, connections)
  local interval = math.floor(summary.duration / math.max(1, math.floor(summary.requests / connections)))
  local data, min, max = measured(latency, interval)
  local total, seen, p50 = 0, 0, nil
  for us = min, max do total = total + tonumber(data[us]) end
  for us = min, max do
    seen = seen + tonumber(data[us])
    if not p50 and seen >= total * 0.5 then p50 = us end
    if seen >= total * 0.99 then return p50, us end
  end
end

function done(summary, latency)
  local errors = summary.errors
  local p50, p99 = percentiles(latency, summary, tonumber(os.getenv("WRK_CONNECTIONS")))
  io.write(string.format("wrk: requests=%d us=%d p50=%d p99=%d connect=%d read=%d write=%d timeout=%d status=%d\n",
    summary.requests, summary.duration, p50, p99,
    errors.connect, errors.read, errors.write, errors.timeout, errors.status))
end
