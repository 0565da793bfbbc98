-- Begins an epoch over the rows that are there, and gives the lock back; behind `held.lua`.
-- KEYS: 2 facts, 3 changes, 4 members; ARGV: from 3 on names and values of the facts

redis.call('UNLINK', KEYS[3], KEYS[4])
redis.call('HSET', KEYS[2], unpack(ARGV, 3))
redis.call('DEL', KEYS[1])
return 1
