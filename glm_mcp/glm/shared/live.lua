-- This replica lives; how many do. KEYS: replicas. ARGV: its name, milliseconds (0: it leaves).
local clock = redis.call('TIME')
local MOST = 60000 -- that one says it lives; longer was said before the clock was set back
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
if tonumber(ARGV[2]) > 0 then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
else
  redis.call('ZREM', KEYS[1], ARGV[1])
end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZREMRANGEBYSCORE', KEYS[1], now + MOST, '+inf')
return redis.call('ZCARD', KEYS[1])
