-- Tells what other processes changed since a process looked: each row once, as it is by now.
--
-- KEYS: 1 facts, 2 rows, 3 stream of changes
-- ARGV: 1 epoch, 2 process, 3 number of the last change it knows, 4 rows after which it is enough
-- Returns the first number found (0: none), the last one, the last one there is, fences of leases
-- that expired, then token and row (empty: gone) in turn.

local AT_ONCE = 500

local facts = redis.call('HMGET', KEYS[1], 'epoch', 'change')
if facts[1] ~= ARGV[1] then
  return redis.error_reply('EPOCH the ledger is another one now')
end

local function number_of(entry)
  return tonumber(entry[1]:match('^%d+'))
end

local function fields_of(entry)
  local fields = {}
  for at = 1, #entry[2], 2 do
    fields[entry[2][at]] = entry[2][at + 1]
  end
  return fields
end

local since = string.format('%d-0', ARGV[3] + 1)
local entries = redis.call('XRANGE', KEYS[3], since, '+', 'COUNT', AT_ONCE)
local last, seen, tokens, ended = 0, {}, {}, {}
for _, entry in ipairs(entries) do
  local fields = fields_of(entry)
  if fields.by ~= ARGV[2] then
    for token in fields.tokens:gmatch('%S+') do
      if not seen[token] then
        seen[token] = true
        tokens[#tokens + 1] = token
      end
    end
    for fence in fields.ended:gmatch('%S+') do
      ended[#ended + 1] = fence
    end
  end
  last = number_of(entry)
  if #tokens >= tonumber(ARGV[4]) then
    break
  end
end

local told = {entries[1] and number_of(entries[1]) or 0, last, tonumber(facts[2]), ended}
local rows = #tokens > 0 and redis.call('HMGET', KEYS[2], unpack(tokens)) or {}
for number, token in ipairs(tokens) do
  told[#told + 1] = token
  told[#told + 1] = rows[number] or ''
end
return told
