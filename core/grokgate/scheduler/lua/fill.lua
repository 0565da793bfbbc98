-- Adds rows that are not there. KEYS: 1 rows; ARGV: token and row in turn.

for number = 1, #ARGV, 2 do
  redis.call('HSETNX', KEYS[1], ARGV[number], ARGV[number + 1])
end
