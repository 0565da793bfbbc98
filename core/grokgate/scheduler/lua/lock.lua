-- Takes the lock for whoever is to begin an epoch; tells whether.
-- KEYS: 1 lock, 2 facts; ARGV: 1 process, 2 life of the lock (ms), 3 run of the server, 4 our layout
--
-- One step: an epoch that another process has begun meanwhile is not begun again.

local facts = redis.call('HMGET', KEYS[2], 'epoch', 'server', 'layout')
if facts[1] and facts[2] == ARGV[3] and (facts[3] or '1') == ARGV[4] then
  return 0
end
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then
  return 1
end
return redis.call('GET', KEYS[1]) == ARGV[1] and 1 or 0
