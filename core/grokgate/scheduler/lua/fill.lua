-- Adds rows that are not there, as long as the ledger is the one that they belong to; tells whether.
-- KEYS: 1 facts, 2 rows; ARGV: 1 epoch, then token and row in turn.

if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
for number = 2, #ARGV, 2 do
  redis.call('HSETNX', KEYS[2], ARGV[number], ARGV[number + 1])
end
return 1
