-- Stands in front of what only the process with the lock may do, and lengthens the lock.
-- KEYS: 1 lock; ARGV: 1 process, 2 life of the lock (ms). Returns 0 to one whose lock has lapsed.

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
