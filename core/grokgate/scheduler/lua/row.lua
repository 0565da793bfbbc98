-- One token: what `scheduler/entry.py` and `scheduler/roster.py` know of it, and its open leases.

local COOLING, EXPIRED, DISABLED = -2, -3, -4
local STATUS = {[COOLING] = 'cooling', [EXPIRED] = 'expired', [DISABLED] = 'disabled'}
local COUNTS = {
  'inflight', 'bar', 'fence', 'surveys', 'use_count', 'consumed',
  'cool_level', 'faults', 'fail_count', 'sync_count', 'record',
}

local Row = {}

-- Fills in what is left out while it has its default.
function Row.whole(row)
  for _, name in ipairs(COUNTS) do
    row[name] = row[name] or 0
  end
  row.status = row.status or 'active'
  for _, name in ipairs({'held', 'assumed', 'leases', 'kept'}) do
    row[name] = row[name] or {}
  end
  for _, holding in pairs(row.held) do
    Holding.whole(holding)
  end
  return row
end

function Row.unpack(packed)
  return Row.whole(cmsgpack.unpack(packed))
end

-- An empty table would be packed as a list, whatever it stands for.
local function without_empty(record, names)
  for _, name in ipairs(names) do
    if next(record[name]) == nil then
      record[name] = nil
    end
  end
end

-- Ends the use of *row*: what is empty is gone from it.
function Row.pack(row)
  for _, holding in pairs(row.held) do
    without_empty(holding, {'recent'})
  end
  for _, lease in pairs(row.leases) do
    without_empty(lease, {'parts'})
  end
  without_empty(row, {'held', 'assumed', 'leases', 'kept'})
  return cmsgpack.pack(row)
end

-- Fences as names: numbers in a row would make a list of the table.
function Row.lease_key(fence)
  return string.format('%d', fence)
end

function Row.assumed(row, name)
  return row.assumed[name] or UNKNOWN
end

function Row.holding(row, name)
  if not row.held[name] then
    row.held[name] = Holding.fresh(Row.assumed(row, name))
  end
  return row.held[name]
end

function Row.left(row, name)
  if row.held[name] then
    return Holding.left(row.held[name])
  end
  local assumed = Row.assumed(row, name)
  return assumed == UNKNOWN and 1 or assumed
end

local function exhausted(row)
  local any = false
  for _, names in ipairs({row.held, row.assumed}) do
    for name in pairs(names) do
      if Row.left(row, name) > 0 then
        return false
      end
      any = true
    end
  end
  return any
end

-- Derives the status anew; without *now* it is being taken over as it was stored.
function Row.restate(row, now, evidence)
  local status = STATUS[row.bar] or (exhausted(row) and 'cooling' or 'active')
  if status ~= row.status and now then
    row.since_ms, row.evidence = now, evidence
  end
  row.status = status
end

-- Puts the token out of service, or back (0).
function Row.set_bar(row, bar, reason)
  row.bar = bar
  if bar ~= COOLING then
    row.cool_until_ms = nil
  end
  if bar == 0 then
    row.reason = nil
  elseif reason then
    row.reason = reason
  end
end

-- Brings back what has cooled down or refilled.
function Row.revive(row, now)
  local changed = false
  if row.cool_until_ms and row.cool_until_ms <= now then
    Row.set_bar(row, 0)
    changed = true
  end
  for name, holding in pairs(row.held) do
    if holding.refill_at_ms and holding.refill_at_ms <= now then
      Holding.refill(holding, Row.assumed(row, name))
      changed = true
    end
  end
  if changed then
    Row.restate(row, now, 'time')
  end
end

-- Ends a lease in the row; the caller sees to its parts.
function Row.land(row, fence)
  local key = Row.lease_key(fence)
  local lease = row.leases[key]
  if lease then
    row.leases[key] = nil
    row.inflight = row.inflight - 1
    lease.parts = lease.parts or {}
  end
  return lease
end
