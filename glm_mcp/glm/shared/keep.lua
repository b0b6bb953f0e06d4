-- A replica lives: how many places it holds, their ids, then the ids of those who wait at it. One that holds a place it was
-- not given here (this server was away or is new) has it all the same: its call is on its way.
local held = tonumber(ARGV[FIRST])
local waiting = {}
for at = FIRST + 1, #ARGV do
  local id = ARGV[at]
  if at <= FIRST + held then
    redis.call('ZADD', l, now + lease, id)
    redis.call('ZREM', q, id)
    redis.call('ZREM', w, id)
  else
    waiting[#waiting + 1] = id
    redis.call('ZADD', l, 'XX', now + lease, id)
    redis.call('ZADD', w, 'XX', now + lease, id)
  end
end
sweep()
hand_on()
return state(waiting)
