-- One model's queue, the same for TAKE, KEEP and GIVE. Times in milliseconds of this server's clock; `since` in microseconds.
-- q: id -> since, those who wait. w: id -> until when its replica has shown that it lives. l: id -> until, the leases.
-- s: limit, run, epoch, wait:N, opens:N as in level.py; pause: until; recovers: 1 from a pause
-- until an answer; turns: places given so far.
local q, w, l, s, events = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local channel, model, replica = ARGV[1], ARGV[2], ARGV[3]
local start, ceiling, lease = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local FIRST = 7 -- of a script's own arguments
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local known = redis.call('HMGET', s, 'limit', 'run', 'epoch', 'pause', 'turns', 'recovers')
local GAP = 50 -- as GAP_S of limiter.py
local PAUSE = 60000 -- as LONGEST_PAUSE_S of limiter.py; one that ends later was said before the clock was set back
local MOST = 1e13 -- written out in digits

-- Whatever a stranger wrote there.
local function number(text, otherwise, least, most)
  local found = tonumber(text or otherwise)
  if not found or found ~= found then return otherwise end
  return math.floor(math.max(least, math.min(most, found)))
end

local limit = number(known[1], start, 1, ceiling)
local run, epoch = number(known[2], 0, 0, MOST), number(known[3], 0, 0, MOST)
local pause, turns = number(known[4], 0, 0, MOST), number(known[5], 0, 0, MOST)
if pause > now + PAUSE then pause = 0 end
local recovers = number(known[6], 0, 0, 1)

-- What would live longer than a lease was written before the clock was set back: its time begins anew.
local function sweep()
  for _, name in ipairs({l, w}) do
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', name, '(' .. now + lease, '+inf')) do
      redis.call('ZADD', name, now + lease, id)
    end
  end
  redis.call('ZREMRANGEBYSCORE', l, '-inf', now)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', w, '-inf', now)) do
    redis.call('ZREM', q, id)
    redis.call('ZREM', w, id)
  end
end

-- Gives free places to the first of the queue, whichever replica they wait at. A lease given so lasts no longer than its
-- replica has shown that it lives, so that nothing of a dead one outlives a lease.
local function hand_on()
  local free = limit - redis.call('ZCARD', l)
  if free <= 0 or now < pause then return end
  local given = redis.call('ZRANGE', q, 0, recovers == 1 and 0 or free - 1)
  if #given == 0 then return end
  for _, id in ipairs(given) do
    redis.call('ZADD', l, redis.call('ZSCORE', w, id) or now + lease, id)
    redis.call('ZREM', q, id)
    redis.call('ZREM', w, id)
  end
  turns = turns + #given
  if recovers == 1 then pause = now + GAP end
  redis.call('HSET', s, 'turns', turns, 'pause', pause)
  redis.call('PUBLISH', channel, table.concat({'given', model, limit, epoch, turns, table.concat(given, ' ')}, ' '))
end

local function place_of(id)
  if redis.call('ZSCORE', l, id) then return 0 end
  local rank = redis.call('ZRANK', q, id)
  return rank and rank + 1 or -1
end

-- places: 0 a lease, from 1 a place in the queue, -1 unknown here. soon: until a lease or a pause ends, while somebody waits.
local function state(ids)
  local places = {}
  for _, id in ipairs(ids) do places[#places + 1] = place_of(id) end
  local waiting, soon = redis.call('ZCARD', q), -1
  if waiting > 0 then
    local first = redis.call('ZRANGE', l, 0, 0, 'WITHSCORES')
    soon = math.max(1, first[2] and tonumber(first[2]) - now or 1)
    if now < pause then soon = pause - now end
  end
  return {limit, epoch, redis.call('ZCARD', l), waiting, turns, math.max(0, pause - now), soon, places}
end
