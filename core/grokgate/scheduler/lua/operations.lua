-- The steps of `scheduler/ledger.py` on rows. Each gets its part of a batch and the time at which
-- its process decided on it; it returns an answer, or nothing where there is nothing to say.

local COOL_CAP_S, FIRST_COOL_S, BLIND_WAIT_S = 600, 30, 3600
local FIRST_RECORD = 1

local operations = {}

local function set_of(names)
  local set = {}
  for _, name in ipairs(names or {}) do
    set[name] = true
  end
  return set
end

-- Makes an operation of a step that changes a token: nothing happens where the ledger does not have
-- it, or where the step returns false.
local function on_token(step)
  return function(ledger, op, now)
    local row = ledger:row(op.token, now)
    if row and step(row, op, now) ~= false then
      ledger:changed(op.token)
    end
  end
end

local function may_lease(row, op)
  if row.gone or row.bar ~= 0 or row.inflight >= op.limit then
    return false
  end
  for _, name in ipairs(op.buckets) do
    if Row.left(row, name) <= 0 then
      return false
    end
  end
  return true
end

function operations.reserve(ledger, op, now)
  local row = ledger:row(op.token, now)
  if not row or not may_lease(row, op) then
    return {refused = true}
  end
  local fence = ledger:next()
  local parts = {}
  for _, name in ipairs(op.buckets) do
    parts[name] = Holding.reserve(Row.holding(row, name), op.units)
  end
  row.fence = fence
  row.inflight = row.inflight + 1
  row.last_used_at_ms = now
  row.leases[Row.lease_key(fence)] = {parts = parts, cost = op.units}
  Row.restate(row, now, 'calls')
  ledger:open(op.token, fence)
  ledger:changed(op.token)
  return {fence = fence}
end

operations.sent = on_token(function(row, op)
  local lease = row.leases[Row.lease_key(op.fence)]
  if not lease or lease.sent then
    return false
  end
  lease.sent = true
  row.use_count = row.use_count + 1
end)

function operations.settle(ledger, op, now)
  local row = ledger:row(op.token, now)
  local lease = row and Row.land(row, op.fence)
  if not lease then
    return {rejected = true}
  end
  local sequence = ledger:next()
  local watched = row.inflight > 0 or row.surveys > 0
  local most = 0
  for name, reserved in pairs(lease.parts) do
    local holding = row.held[name]
    local charged = Holding.settle(holding, op.fence, reserved, op.units)
    most = math.max(most, charged)
    if watched then
      Holding.note(holding, sequence, charged)
    else
      holding.recent = {}
    end
    if op.unsure then
      holding.known = false
    end
  end
  row.consumed = row.consumed + most
  Row.restate(row, now, 'calls')
  ledger:close(op.token, op.fence)
  ledger:changed(op.token)
end

local function expire(ledger, token, fence, now)
  local row = ledger:row(token, now)
  local lease = row and Row.land(row, fence)
  ledger:close(token, fence)
  if not lease then
    return nil
  end
  local sequence = ledger:next()
  local most = 0
  for name, reserved in pairs(lease.parts) do
    local holding = row.held[name]
    Holding.expire(holding, fence, reserved, lease.sent)
    most = math.max(most, reserved)
    if lease.sent then
      holding.known = false
      Holding.note(holding, sequence, reserved)
    end
  end
  if lease.sent then
    row.consumed = row.consumed + most
  end
  Row.restate(row, now, 'calls')
  ledger:changed(token)
  ledger:ended(fence)
  return {token = token, fence = fence, sent = lease.sent}
end

function operations.expire(ledger, op, now)
  if not expire(ledger, op.token, op.fence, now) then
    return {rejected = true}
  end
end

-- Ends leases whose time is over, the longest overdue first.
function operations.reap(ledger, op)
  local expired = {}
  for _, lease in ipairs(ledger:overdue(op.most)) do
    expired[#expired + 1] = expire(ledger, lease.token, lease.fence, ledger.now)
  end
  return {leases = expired}
end

-- Lengthens leases; answers with those that have ended.
function operations.renew(ledger, op)
  local lost = {}
  for _, lease in ipairs(op.leases) do
    if ledger:is_open(lease.token, lease.fence) then
      ledger:open(lease.token, lease.fence)
    else
      lost[#lost + 1] = lease
    end
  end
  return {leases = lost}
end

-- Takes in a lease that is open though this server does not know of it.
function operations.restore(ledger, op, now)
  local row = ledger:row(op.token, now)
  if not row then
    return
  end
  local key = Row.lease_key(op.fence)
  ledger:open(op.token, op.fence)
  if row.leases[key] then
    return
  end
  for name, units in pairs(op.parts) do
    local holding = Row.holding(row, name)
    holding.open = holding.open + units
    holding.granted = holding.granted + units
  end
  row.leases[key] = {parts = op.parts, cost = op.cost, sent = op.sent}
  row.inflight = row.inflight + 1
  row.fence = math.max(row.fence, op.fence)
  Row.restate(row, now, 'calls')
  ledger:changed(op.token)
end

-- Takes in a row of a ledger that was lost, if it is younger than the one that this ledger was begun
-- with. It keeps its revision: another process may have a younger one still.
function operations.better(ledger, op, now)
  local row = ledger:row(op.token, now)
  if row and (row.revision or 0) < op.row.revision then
    ledger:add(op.token, Row.whole(op.row))
    for key in pairs(op.row.leases) do
      ledger:open(op.token, tonumber(key))
    end
    ledger:changed(op.token)
    ledger.as_it_was[op.token] = true
  end
end

operations.survey = on_token(function(row, op)
  row.surveys = math.max(0, row.surveys + op.by)
end)

local function learn_window(row, op, name, window, now)
  local told = not op.asked and row.leases[Row.lease_key(op.since)]
  local units = told and (told.parts or {})[name]
  local own = units and op.since or 0
  local assumed = Row.assumed(row, name)
  Holding.learn(Row.holding(row, name), window, now, op.since, own, units or 0, assumed)
end

-- Buckets of which only an assumption is known, and that a survey asked nothing of, are empty.
local function close_survey(row, heard, asked, now)
  row.surveys = math.max(0, row.surveys - 1)
  for name in pairs(row.assumed) do
    Row.holding(row, name)
  end
  for name, holding in pairs(row.held) do
    if holding.source == 'default' and not heard[name] and not asked[name] then
      Holding.empty(holding, nil)
    end
  end
  row.last_sync_at_ms = now
  row.sync_count = row.sync_count + 1
end

operations.learn = on_token(function(row, op, now)
  local heard, any = set_of(op.unknown), false
  for name, window in pairs(op.windows) do
    learn_window(row, op, name, window, now)
    heard[name] = true
    any = any or window.remaining > 0
  end
  for _, name in ipairs(op.asked or {}) do
    if not heard[name] then
      learn_window(row, op, name, {remaining = 0, total = 0}, now)
    end
  end
  if op.asked then
    close_survey(row, heard, set_of(op.asked), now)
    if row.bar == COOLING and any then
      Row.set_bar(row, 0)
    end
  end
  Row.restate(row, now, 'survey')
end)

operations.remember = on_token(function(row, op)
  row.tier = op.tier or row.tier
  for name, note in pairs(op.kept) do
    row.kept[name] = note
  end
end)

operations.empty = on_token(function(row, op, now)
  local wait_ms = Holding.wait_ms(op.reset_in_s or BLIND_WAIT_S)
  for _, name in ipairs(op.buckets) do
    if op.closed then
      Holding.close(Row.holding(row, name))
    else
      Holding.empty(Row.holding(row, name), now + wait_ms, op.reset_in_s == nil)
    end
  end
  Row.restate(row, now, op.evidence)
end)

operations.doubt = on_token(function(row)
  for _, holding in pairs(row.held) do
    holding.known = false
  end
  Row.restate(row)
end)

operations.heal = on_token(function(row)
  row.last_fail_reason = nil
  row.fail_count, row.faults, row.cool_level = 0, 0, 0
end)

operations.blame = on_token(function(row, op)
  row.faults = math.max(0, row.faults + op.faults)
  row.fail_count = row.fail_count + op.refusals
end)

operations.fail = on_token(function(row, op, now)
  row.last_fail_reason, row.last_fail_at_ms = op.reason, now
end)

operations.cool = on_token(function(row, op, now)
  if row.bar ~= 0 then
    return false
  end
  local pause_s = FIRST_COOL_S * 2 ^ math.min(row.cool_level, 10) * (1 + op.jitter / 4)
  Row.set_bar(row, COOLING, op.reason)
  row.cool_level = row.cool_level + 1
  row.cool_until_ms = now + math.floor(math.min(COOL_CAP_S, pause_s) * 1000 + 0.5)
  Row.restate(row, now, op.evidence)
end)

operations.retire = on_token(function(row, op, now)
  if row.bar == DISABLED then
    return false
  end
  Row.set_bar(row, EXPIRED, op.reason)
  Row.restate(row, now, op.evidence)
end)

-- What operators decide is told by the processes where they did, each at its own pace. It counts in
-- the order in which it was stored, which shows in the revision of the record.

-- Adds a token as it is stored; of one that is there already only revises the record. One that was
-- erased and comes again begins with the first revision.
function operations.put(ledger, op, now)
  local row = ledger:row(op.token, now)
  local stored = Row.whole(op.row)
  if not row then
    ledger:add(op.token, stored)
  elseif stored.record < row.record and not (row.gone and stored.record == FIRST_RECORD) then
    return
  else
    row.record = stored.record
    row.assumed = stored.assumed
    if row.gone then
      row.gone = nil
      Row.set_bar(row, stored.bar ~= COOLING and stored.bar or 0)
      row.reason = row.bar ~= 0 and stored.reason or nil
    end
    Row.restate(row)
  end
  ledger:changed(op.token)
end

-- Applies what an operator changed in a stored state.
operations.override = on_token(function(row, op, now)
  if op.record < row.record or op.late and op.record == row.record then
    return false
  end
  row.record = op.record
  if op.bar then
    Row.set_bar(row, op.bar)
    row.reason = op.reason
    row.cool_level, row.fail_count, row.faults = 0, 0, 0
  end
  for name, loaded in pairs(op.held) do
    Holding.replace(Row.holding(row, name), loaded)
  end
  Row.restate(row, now, 'operator')
end)

operations.remove = on_token(function(row, op)
  if op.record < row.record then
    return false
  end
  row.record = op.record
  row.gone = true
  Row.set_bar(row, DISABLED)
  Row.restate(row)
end)
