-- Places that requests hold, and who came within a minute: `bus/places.py`. Of each room two sorted
-- sets, of this epoch: places by the time they are free again, and those let in by when that was.

local MINUTE_MS = 60000

local function room_of(op)
  local name = KEYS[7] .. ARGV[1] .. ':' .. op.room
  return name .. '/inside', name .. '/came'
end

local function hold(inside, place, until_ms, held_ms)
  redis.call('ZADD', inside, until_ms, place)
  redis.call('PEXPIRE', inside, held_ms)
end

local function note(came, place, at_ms)
  redis.call('ZADD', came, at_ms, place)
  redis.call('PEXPIRE', came, MINUTE_MS)
end

-- Milliseconds until the one at this place of the row counts no more.
local function left_ms(came, index, now)
  local at_ms = redis.call('ZRANGE', came, index, index, 'WITHSCORES')[2]
  return at_ms and at_ms + MINUTE_MS - now or 0
end

-- Lets one in, or refuses it and changes nothing.
function operations.enter(ledger, op)
  local inside, came = room_of(op)
  local now, answer = ledger.now, {}
  redis.call('ZREMRANGEBYSCORE', inside, '-inf', now)
  redis.call('ZREMRANGEBYSCORE', came, '-inf', now - MINUTE_MS)
  local count = redis.call('ZCARD', came)
  if op.most and redis.call('ZCARD', inside) >= op.most then
    answer.refused = true
    answer.holder = redis.call('ZRANGE', inside, 0, 0)[1]
  elseif op.per_minute and count >= op.per_minute then
    answer.refused = true
    answer.wait_ms = left_ms(came, count - op.per_minute, now)
  else
    if op.most then
      hold(inside, op.place, now + op.held_ms, op.held_ms)
    end
    if op.per_minute then
      note(came, op.place, now)
      count = count + 1
    end
  end
  answer.came, answer.reset_ms = count, left_ms(came, -1, now)
  return answer
end

-- Keeps places, or takes them in again, with who came, where the ledger was lost.
function operations.stay(ledger, op, now)
  local inside, came = room_of(op)
  for _, place in ipairs(op.places) do
    hold(inside, place, ledger.now + op.held_ms, op.held_ms)
  end
  for place, age_ms in pairs(op.came) do
    note(came, place, now - age_ms)
  end
end

function operations.leave(ledger, op)
  local inside = room_of(op)
  redis.call('ZREM', inside, op.place)
end
