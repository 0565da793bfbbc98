-- What a token has left in one bucket: `scheduler/holding.py`, with times in Unix milliseconds.

local UNKNOWN = -1
local LONGEST_RESET_S = 31 * 86400
local KEPT = 64

local Holding = {}

function Holding.fresh(assumed)
  return Holding.whole({base = math.max(0, assumed), known = assumed ~= UNKNOWN})
end

-- Fills in what is left out while it has its default.
function Holding.whole(holding)
  for _, name in ipairs({'spent', 'open', 'counted', 'granted', 'settled', 'refunded', 'expired'}) do
    holding[name] = holding[name] or 0
  end
  holding.base = holding.base or 0
  holding.known = holding.known or false
  holding.blind = holding.blind or false
  holding.recent = holding.recent or {}
  holding.source = holding.source or 'default'
  return holding
end

function Holding.left(holding)
  local left = holding.base - holding.spent - holding.open
  if left > 0 then
    return left
  end
  return holding.known and 0 or 1
end

function Holding.reserve(holding, units)
  if holding.known then
    units = math.min(units, math.max(0, holding.base - holding.spent - holding.open))
  end
  holding.open = holding.open + units
  holding.granted = holding.granted + units
  return units
end

local function given_back(holding, fence, units)
  if holding.counted == fence then
    holding.base = holding.base - units
  end
end

function Holding.settle(holding, fence, reserved, units)
  local charged = math.min(units, reserved)
  holding.open = holding.open - reserved
  holding.spent = holding.spent + charged
  holding.settled = holding.settled + charged
  if charged ~= reserved then
    holding.refunded = holding.refunded + reserved - charged
    given_back(holding, fence, reserved - charged)
  end
  return charged
end

function Holding.expire(holding, fence, reserved, sent)
  holding.open = holding.open - reserved
  holding.expired = holding.expired + reserved
  if sent then
    holding.spent = holding.spent + reserved
  else
    given_back(holding, fence, reserved)
  end
end

function Holding.note(holding, sequence, units)
  if units == 0 then
    return
  end
  local recent = holding.recent
  if #recent == KEPT then
    local oldest = table.remove(recent, 1)
    recent[1][2] = recent[1][2] + oldest[2]
  end
  recent[#recent + 1] = {sequence, units}
end

function Holding.wait_ms(wait_s)
  return math.floor(math.max(0, math.min(LONGEST_RESET_S, wait_s)) * 1000 + 0.5)
end

function Holding.learn(holding, window, now, since, own, own_units, assumed)
  local late = 0
  for _, noted in ipairs(holding.recent) do
    if noted[1] > since then
      late = late + noted[2]
    end
  end
  holding.known = window.remaining ~= UNKNOWN
  holding.spent = late
  holding.counted = own
  holding.base = math.max(0, holding.known and window.remaining or assumed) + own_units
  holding.total = window.total and math.max(window.total, window.remaining)
  holding.window_s = window.window_s
  local wait_s = window.reset_in_s or window.window_s
  holding.refill_at_ms = wait_s and now + Holding.wait_ms(wait_s)
  holding.blind = false
  holding.synced_at_ms = now
  holding.source = 'real'
end

function Holding.empty(holding, until_ms, blind)
  holding.known = true
  holding.base, holding.spent, holding.counted = 0, 0, 0
  holding.refill_at_ms = until_ms
  holding.blind = blind or false
end

function Holding.close(holding)
  Holding.empty(holding, nil)
  holding.total = 0
end

function Holding.refill(holding, assumed)
  holding.known = holding.total ~= nil and not holding.blind
  holding.base = math.max(0, holding.total or assumed)
  holding.spent, holding.counted = 0, 0
  holding.refill_at_ms = nil
  holding.blind = false
  holding.source = 'estimated'
end

function Holding.replace(holding, loaded)
  holding.known, holding.total = loaded.known or false, loaded.total
  holding.window_s, holding.refill_at_ms = loaded.window_s, loaded.refill_at_ms
  holding.base, holding.spent, holding.counted = (loaded.base or 0) + holding.open, 0, 0
  holding.blind, holding.source = false, loaded.source or 'default'
  holding.synced_at_ms = loaded.synced_at_ms
end
