-- Carries out a batch of operations of one process, in order, as one step.
--
-- KEYS: 1 rows (hash by token), 2 leases by the time they expire, 3 facts about the ledger,
--       4 stream of changes, 5 this process's last answer, 6 begin of the names of daily usage,
--       7 begin of the names of rooms
-- ARGV: 1 epoch, 2 process, 3 number of the batch, 4 operations, 5 life of a lease (ms)
-- Returns the packed answer, then token and row (empty: gone) of everything that was touched.
--
-- Nothing but daily usage and places is written before all operations are done, so an error changes
-- nothing of the ledger. A batch that was carried out before, its answer lost on the way, is answered
-- again, with what it touched as that is by now.

local ANSWER_KEPT_MS = 86400000
local CHANGES_KEPT = 20000

local Ledger = {}
Ledger.__index = Ledger

function Ledger:row(token, now)
  local row = self.rows[token]
  if row == nil then
    local packed = redis.call('HGET', KEYS[1], token)
    row = packed and Row.unpack(packed) or false
    self.rows[token] = row
  end
  if row then
    Row.revive(row, now)
  end
  return row
end

function Ledger:add(token, row)
  self.rows[token] = row
end

function Ledger:next()
  self.sequence = self.sequence + 1
  return self.sequence
end

function Ledger:changed(token)
  self.dirty[token] = true
end

local function member(token, fence)
  return Row.lease_key(fence) .. ':' .. token
end

function Ledger:open(token, fence)
  self.expiry[member(token, fence)] = self.now + tonumber(ARGV[5])
end

function Ledger:close(token, fence)
  self.expiry[member(token, fence)] = false
end

function Ledger:is_open(token, fence)
  return redis.call('ZSCORE', KEYS[2], member(token, fence)) ~= false
end

function Ledger:overdue(most)
  local found = {}
  local due = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', self.now, 'LIMIT', 0, most)
  for _, name in ipairs(due) do
    local fence, token = name:match('^(%d+):(.*)$')
    found[#found + 1] = {token = token, fence = tonumber(fence)}
  end
  return found
end

function Ledger:ended(fence)
  self.over[#self.over + 1] = Row.lease_key(fence)
end

function Ledger:usage(day)
  return KEYS[6] .. ARGV[1] .. ':' .. day -- of this epoch: another one learns it from the database
end

local function write_row(ledger, token)
  local row = ledger.rows[token]
  if row.gone and row.inflight == 0 then
    redis.call('HDEL', KEYS[1], token)
    return ''
  end
  if not ledger.as_it_was[token] then
    row.revision = ledger.change
  end
  local packed = Row.pack(row)
  redis.call('HSET', KEYS[1], token, packed)
  return packed
end

local function write_expiry(ledger)
  for name, expires_ms in pairs(ledger.expiry) do
    if expires_ms then
      redis.call('ZADD', KEYS[2], expires_ms, name)
    else
      redis.call('ZREM', KEYS[2], name)
    end
  end
end

local function write(ledger)
  local names = {}
  for token in pairs(ledger.dirty) do
    names[#names + 1] = token
  end
  if #names > 0 then
    ledger.change = ledger.change + 1
    redis.call('XADD', KEYS[4], 'MAXLEN', '~', CHANGES_KEPT, ledger.change .. '-0',
      'by', ARGV[2], 'tokens', table.concat(names, ' '), 'ended', table.concat(ledger.over, ' '))
    redis.call('HSET', KEYS[3], 'sequence', ledger.sequence, 'change', ledger.change)
  end
  local told = {}
  for token, row in pairs(ledger.rows) do
    if ledger.dirty[token] then
      told[#told + 1] = token
      told[#told + 1] = write_row(ledger, token)
    else
      told[#told + 1] = token
      told[#told + 1] = row and Row.pack(row) or ''
    end
  end
  return told
end

local function answer_again(kept)
  local told = {}
  for _, token in ipairs(cmsgpack.unpack(kept).tokens or {}) do
    told[#told + 1] = token
    told[#told + 1] = redis.call('HGET', KEYS[1], token) or ''
  end
  return {kept, unpack(told)}
end

local facts = redis.call('HMGET', KEYS[3], 'epoch', 'sequence', 'change')
if facts[1] ~= ARGV[1] then
  return redis.error_reply('EPOCH the ledger is another one now')
end
local kept = redis.call('GET', KEYS[5])
if kept and cmsgpack.unpack(kept).number == tonumber(ARGV[3]) then
  return answer_again(kept)
end
local time = redis.call('TIME')
local ledger = setmetatable({
  now = time[1] * 1000 + math.floor(time[2] / 1000),
  sequence = tonumber(facts[2]),
  change = tonumber(facts[3]),
  rows = {}, dirty = {}, over = {}, expiry = {}, as_it_was = {},
}, Ledger)
local answers = {}
for number, op in ipairs(cmsgpack.unpack(ARGV[4])) do
  answers[number] = operations[op.op](ledger, op, ledger.now - op.age_ms) or {ok = true}
end
local told = write(ledger)
write_expiry(ledger)
local tokens = {}
for token in pairs(ledger.rows) do
  tokens[#tokens + 1] = token
end
local answer = cmsgpack.pack({
  number = tonumber(ARGV[3]),
  sequence = ledger.sequence,
  change = ledger.change,
  answers = answers,
  tokens = tokens,
})
redis.call('SET', KEYS[5], answer, 'PX', ANSWER_KEPT_MS)
return {answer, unpack(told)}
