-- Writes rows and leases of a ledger that is about to begin; behind `held.lua`.
-- KEYS: 2 rows, 3 leases
-- ARGV: 3 whether to empty them first, 4 when the leases expire (Unix ms), 5 how many leases follow,
--       then these, then token and row in turn

if ARGV[3] == '1' then
  redis.call('UNLINK', KEYS[2], KEYS[3])
end
local rows_at = 6 + tonumber(ARGV[5])
for number = 6, rows_at - 1 do
  redis.call('ZADD', KEYS[3], 'NX', ARGV[4], ARGV[number])
end
for number = rows_at, #ARGV, 2 do
  redis.call('HSET', KEYS[2], ARGV[number], ARGV[number + 1])
end
return 1
