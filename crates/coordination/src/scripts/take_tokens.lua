-- Takes `cost` tokens from a bucket, whole or not at all.
-- KEYS[1]  the bucket: "<tokens> <microseconds>", absent means full
-- ARGV     tokens per second, capacity, cost, longest lifetime in milliseconds
-- Answers  { 1 taken | 0 refused, tokens left }
-- The time is the server's: replicas whose clocks differ must not refill one another's bucket.
local rate = tonumber(ARGV[1])
local capacity = tonumber(ARGV[2])
local cost = tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local tokens = capacity
local state = redis.call('GET', KEYS[1])
if state then
  local left, at = string.match(state, '^(%S+) (%S+)$')
  local passed = math.max(0, now - tonumber(at))
  tokens = math.min(capacity, tonumber(left) + passed * rate / 1000000)
end

-- A refusal writes nothing, so it neither takes nor extends the wait. The tolerance is that of the in-process arm.
if cost == 0 or tokens + 1e-6 < cost then
  return { cost == 0 and 1 or 0, string.format('%.17g', tokens) }
end
tokens = math.max(0, tokens - cost)

-- A bucket that is full again is the same as none: it lives exactly as long as it matters.
local lifetime = math.ceil((capacity - tokens) * 1000 / rate) + 1
lifetime = math.min(lifetime, tonumber(ARGV[4]))
redis.call('SET', KEYS[1], string.format('%.17g %.0f', tokens, now), 'PX', string.format('%.0f', lifetime))
return { 1, string.format('%.17g', tokens) }
