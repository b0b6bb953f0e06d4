-- What a caller uses, in one step. KEYS: used (due, day, tokens). ARGV: what is asked (admit, back, charge, look), calls a
-- minute and tokens a day (0: no limit), tokens to charge. Answers: verdict, microseconds since 1970, microseconds to wait
-- or until the minute's calls are all free, tokens of today.
local asked, per_minute, per_day = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = clock[1] + clock[2] / 1e6
local today = math.floor(clock[1] / 86400)
local known = redis.call('HMGET', KEYS[1], 'due', 'day', 'tokens')
local due = math.min(tonumber(known[1] or 0), now + 60)  -- more only after a clock was set back
local tokens = tonumber(known[2] or 0) == today and tonumber(known[3] or 0) or 0
local verdict, wait = 'yes', math.max(0, due - now)

if asked == 'charge' then
  redis.call('HSET', KEYS[1], 'day', today)
  if tokens == 0 then redis.call('HDEL', KEYS[1], 'tokens') end
  tokens = redis.call('HINCRBY', KEYS[1], 'tokens', ARGV[4])
elseif asked == 'back' then
  if per_minute > 0 then redis.call('HSET', KEYS[1], 'due', string.format('%.6f', due - 60 / per_minute)) end
elseif per_day > 0 and tokens >= per_day then
  verdict = 'day'
elseif asked == 'admit' and per_minute > 0 then
  local after = math.max(due, now) + 60 / per_minute
  wait = after - 60 - now
  if wait > 1e-6 then
    verdict = 'minute'
    redis.call('HSET', KEYS[1], 'due', string.format('%.6f', due))
  else
    redis.call('HSET', KEYS[1], 'due', string.format('%.6f', after))
  end
end
redis.call('EXPIRE', KEYS[1], 172800)
return {verdict, string.format('%.0f', now * 1e6), string.format('%.0f', wait * 1e6), tokens}
