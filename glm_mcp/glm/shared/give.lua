-- Gives places back, waited for or held: how many events of the model's health, the events, then of each place its id,
-- what became of the attempt (served, refused, none), the limit and epoch that it went out under, and a pause.
local FIRST_PROBE, LONGEST_PROBE, RUN = tonumber(ARGV[FIRST]), tonumber(ARGV[FIRST + 1]), tonumber(ARGV[FIRST + 2])
local DAY = 86400000
local HOUR = 3600000
local EVENTS = 500

local function learn(outcome, level, of_epoch)
  if outcome == 'refused' then
    run = 0
    if of_epoch ~= epoch then return end
    epoch = epoch + 1
    local wait = tonumber(redis.call('HGET', s, 'wait:' .. level))
    wait = wait and math.min(LONGEST_PROBE, wait * 2) or FIRST_PROBE
    redis.call('HSET', s, 'wait:' .. level, wait, 'opens:' .. level, now + wait)
    limit = math.max(1, math.floor(level / 2))
  elseif outcome == 'served' then
    if level ~= limit or of_epoch ~= epoch then return end
    run = run + 1
    local up = limit + 1
    if up > ceiling or run < math.max(RUN, limit) then return end
    local fields = redis.call('HGETALL', s)
    for at = 1, #fields, 2 do
      local refused = tonumber(string.match(fields[at], '^opens:(%d+)$'))
      local opens = number(fields[at + 1], 0, 0, MOST)
      -- Later than that was said before the clock was set back.
      if refused and refused <= up and now < opens and opens <= now + LONGEST_PROBE then return end
    end
    run = 0
    limit = up
  end
end

local notes = tonumber(ARGV[FIRST + 3])
local first = FIRST + 4
for at = first, first + notes - 1 do
  redis.call('RPUSH', events, now .. ' ' .. ARGV[at])
  redis.call('PUBLISH', channel, 'health ' .. events .. ' ' .. replica .. ' ' .. ARGV[at])
end
if notes > 0 then
  redis.call('LTRIM', events, -EVENTS, -1)
  redis.call('PEXPIRE', events, HOUR)
end

local learnt = false
for at = first + notes, #ARGV, 5 do
  local id = ARGV[at]
  if redis.call('ZREM', l, id) == 1 then
    learnt = learnt or ARGV[at + 1] ~= 'none' or tonumber(ARGV[at + 4]) > 0
    learn(ARGV[at + 1], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]))
    if ARGV[at + 1] == 'served' then recovers = 0 end
    local ends = now + tonumber(ARGV[at + 4])
    if ends > math.max(now, pause) then
      pause, recovers = ends, 1
      redis.call('PUBLISH', channel, 'pause ' .. model .. ' ' .. (pause - now))
    end
  elseif redis.call('ZREM', q, id) == 1 then
    redis.call('ZREM', w, id)
    redis.call('PUBLISH', channel, 'moved ' .. model .. ' ' .. replica)
  end
end
if learnt then
  redis.call('HSET', s, 'limit', limit, 'run', run, 'epoch', epoch, 'pause', pause, 'recovers', recovers)
  redis.call('PEXPIRE', s, DAY)
end
sweep()
hand_on()
return state({})
