-- The newest events of the models' health, without what is longer than any that a replica writes: a stranger may have
-- written anything. Answers: seconds and microseconds since 1970, the events.
local found = {}
for _, event in ipairs(redis.call('LRANGE', KEYS[1], -500, -1)) do
  if #event <= 10000 then found[#found + 1] = event end
end
local clock = redis.call('TIME')
return {clock[1], clock[2], found}
