-- What managed keys use of their daily quotas: `keys/usage.py`. One hash a day, kept for four.

local DAYS_KEPT_S = 4 * 86400

-- Reserves all amounts or none; a day that is new here begins with what is stored of it.
function operations.charge(ledger, op)
  local name = ledger:usage(op.day)
  if op.used then
    redis.call('HSETNX', name, op.key, 0)
    for quota, used in pairs(op.used) do
      redis.call('HSETNX', name, op.key .. '/' .. quota, used)
    end
  elseif redis.call('HEXISTS', name, op.key) == 0 then
    return {unknown = true}
  end
  for quota, amount in pairs(op.amounts) do
    local used = tonumber(redis.call('HGET', name, op.key .. '/' .. quota)) or 0
    local limit = op.limits[quota] or -1
    if limit >= 0 and used + amount > limit then
      return {refused = true}
    end
  end
  for quota, amount in pairs(op.amounts) do
    redis.call('HINCRBY', name, op.key .. '/' .. quota, amount)
  end
  redis.call('EXPIRE', name, DAYS_KEPT_S)
end

-- Gives back what was not used; a day that is not known here owes nothing.
function operations.credit(ledger, op)
  local name = ledger:usage(op.day)
  for quota, amount in pairs(op.amounts) do
    local field = op.key .. '/' .. quota
    local used = tonumber(redis.call('HGET', name, field)) or 0
    if used > 0 then
      redis.call('HINCRBY', name, field, -math.min(amount, used))
    end
  end
end
