-- Puts calls into the queue: id, since, id, since … Asking again for one that waits or has its place changes nothing.
local ids = {}
for at = FIRST, #ARGV, 2 do
  local id = ARGV[at]
  ids[#ids + 1] = id
  if not redis.call('ZSCORE', l, id) then
    local new = redis.call('ZADD', q, 'NX', ARGV[at + 1], id) == 1
    redis.call('ZADD', w, now + lease, id)
    if new and redis.call('ZRANK', q, id) < redis.call('ZCARD', q) - 1 then
      redis.call('PUBLISH', channel, 'moved ' .. model .. ' ' .. replica)
    end
  end
end
sweep()
hand_on()
return state(ids)
