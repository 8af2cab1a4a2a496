-- The rules of limits, for several workers: one call judges and takes, or changes nothing. Redis runs it in one go.
--
-- KEYS[1]   prefix of all keys, in braces, so that a cluster keeps them in one slot
-- ARGV[1]   enter, hold, settle or renew
-- ARGV[2]   JSON: what the operation needs; see gateway/identity/shared.py
--
-- Of an account NAME there are:
--   PREFIX:r:NAME   list of the times of the last requests, in microseconds, oldest first
--   PREFIX:o:NAME   sorted set of open leases by when they end, in microseconds
--   PREFIX:h:NAME   hash of what each lease holds, "TOKENS:MICRO", and the sums: t, m
--   PREFIX:w:NAME   list of "SECOND:TOKENS" of the last minute, oldest first; PREFIX:s:NAME is their sum
--   PREFIX:u:NAME:PERIOD   hash of what was used in a day or month: t, m
--
-- Answers: {1, {requests, newest, held, spent, newest second} of each account} or {0, index, bound, wait in ms}.

local P, ask = KEYS[1], cjson.decode(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local second = tonumber(time[1])
local MINUTE, KEEP = 60000000, 120

local function whole(number) return number == 0 and '0' or string.format('%.0f', number) end
local function key(kind, name) return P .. ':' .. kind .. ':' .. name end

local function let_go(name, lease)
  redis.call('ZREM', key('o', name), lease)
  local held = redis.call('HGET', key('h', name), lease)
  if held then
    local tokens, micro = string.match(held, '^(%d+):(%d+)$')
    redis.call('HINCRBY', key('h', name), 't', whole(0 - tonumber(tokens)))
    redis.call('HINCRBY', key('h', name), 'm', whole(0 - tonumber(micro)))
    redis.call('HDEL', key('h', name), lease)
  end
end

local function keep(name, lease, tokens, micro)
  redis.call('HSET', key('h', name), lease, whole(tokens) .. ':' .. whole(micro))
  redis.call('HINCRBY', key('h', name), 't', whole(tokens))
  redis.call('HINCRBY', key('h', name), 'm', whole(micro))
end

local function open(name, lease)
  redis.call('ZADD', key('o', name), whole(now + ask.lease_ms * 1000), lease)
  redis.call('PEXPIRE', key('o', name), whole(ask.lease_ms * 4))
  redis.call('PEXPIRE', key('h', name), whole(ask.lease_ms * 4))
end

local function forget_dead(name)
  for _, lease in ipairs(redis.call('ZRANGEBYSCORE', key('o', name), '-inf', whole(now))) do let_go(name, lease) end
end

local function spent(name)
  local sum = tonumber(redis.call('GET', key('s', name)) or '0')
  local first = redis.call('LINDEX', key('w', name), 0)
  while first do
    local at, tokens = string.match(first, '^(%d+):(%d+)$')
    if tonumber(at) + 61 > second then break end
    redis.call('LPOP', key('w', name))
    sum = tonumber(redis.call('DECRBY', key('s', name), tokens))
    first = redis.call('LINDEX', key('w', name), 0)
  end
  return sum
end

local function spend(name, tokens, micro)
  if tokens > 0 then
    local total = spent(name) + tokens
    local last = redis.call('LINDEX', key('w', name), -1)
    local at, before = string.match(last or '', '^(%d+):(%d+)$')
    if at and tonumber(at) == second then
      redis.call('LSET', key('w', name), -1, at .. ':' .. whole(tonumber(before) + tokens))
    else
      redis.call('RPUSH', key('w', name), whole(second) .. ':' .. whole(tokens))
    end
    redis.call('SET', key('s', name), whole(total))
    redis.call('EXPIRE', key('w', name), KEEP)
    redis.call('EXPIRE', key('s', name), KEEP)
  end
  for period, days in pairs({[ask.day] = 3, [ask.month] = 63}) do
    local used = key('u', name) .. ':' .. period
    redis.call('HINCRBY', used, 't', whole(tokens))
    redis.call('HINCRBY', used, 'm', whole(micro))
    redis.call('EXPIRE', used, days * 86400)
  end
end

local function wait_for_tokens(name, sum, at_most)
  for _, entry in ipairs(redis.call('LRANGE', key('w', name), 0, -1)) do
    local at, tokens = string.match(entry, '^(%d+):(%d+)$')
    sum = sum - tonumber(tokens)
    if sum <= at_most then return (tonumber(at) + 61 - second) * 1000 end
  end
  return 1000
end

local function taken(name)
  local list = key('r', name)
  local first = redis.call('LINDEX', list, 0)
  while first and tonumber(first) + MINUTE <= now do
    redis.call('LPOP', list)
    first = redis.call('LINDEX', list, 0)
  end
  return redis.call('LLEN', list)
end

local function entry_refused(account)
  local b = account.bounds
  if b[3] > 0 and redis.call('ZCARD', key('o', account.name)) >= b[3] then return 'concurrent_requests', 1000 end
  if b[1] > 0 then
    local count = taken(account.name)
    if count >= b[1] then
      local oldest = tonumber(redis.call('LINDEX', key('r', account.name), count - b[1]))
      return 'requests_per_minute', math.ceil((oldest + MINUTE - now) / 1000)
    end
  end
end

local function enter(account)
  open(account.name, ask.lease)
  if account.bounds[1] > 0 then
    redis.call('RPUSH', key('r', account.name), whole(now))
    redis.call('LTRIM', key('r', account.name), -account.bounds[1], -1)
    redis.call('EXPIRE', key('r', account.name), KEEP)
  end
end

local function hold_refused(account)
  local b, name = account.bounds, account.name
  local held, micro = unpack(redis.call('HMGET', key('h', name), 't', 'm'))
  local own = redis.call('HGET', key('h', name), ask.lease)
  local own_tokens, own_micro = string.match(own or '0:0', '^(%d+):(%d+)$')
  held = tonumber(held or '0') - tonumber(own_tokens)
  micro = tonumber(micro or '0') - tonumber(own_micro)
  if b[2] > 0 then
    local free, sum = b[2] - held - ask.tokens, spent(name)
    if sum > free then return 'tokens_per_minute', wait_for_tokens(name, sum, free) end
  end
  for i, period in ipairs({ask.day, ask.month}) do
    if b[3 + i] > 0 or b[5 + i] > 0 then
      local t, m = unpack(redis.call('HMGET', key('u', name) .. ':' .. period, 't', 'm'))
      local word = i == 1 and 'day' or 'month'
      if b[3 + i] > 0 and tonumber(t or '0') + held + ask.tokens > b[3 + i] then return 'tokens_per_' .. word, 0 end
      if b[5 + i] > 0 and tonumber(m or '0') + micro + ask.micro > b[5 + i] then return 'money_per_' .. word, 0 end
    end
  end
end

local function standing()
  local all = {}
  for i, account in ipairs(ask.accounts) do
    local r, w, count, sum = key('r', account.name), key('w', account.name), 0, 0
    if account.bounds[1] > 0 then count = taken(account.name) end
    if account.bounds[2] > 0 then sum = spent(account.name) end
    local newest, last = redis.call('LINDEX', r, -1), redis.call('LINDEX', w, -1)
    local clear = newest and math.max(0, tonumber(newest) + MINUTE - now) / 1000 or 0
    local at = last and (tonumber(string.match(last, '^(%d+)')) + 61 - second) * 1000 or 0
    local held = tonumber(redis.call('HGET', key('h', account.name), 't') or '0')
    all[i] = {count, math.ceil(clear), held, sum, math.max(0, at)}
  end
  return all
end

local operations = {}

function operations.enter()
  for i, account in ipairs(ask.accounts) do
    forget_dead(account.name)
    local bound, wait = entry_refused(account)
    if bound then return {0, i, bound, wait, standing()} end
  end
  for _, account in ipairs(ask.accounts) do enter(account) end
  return {1, standing()}
end

function operations.hold()
  for i, account in ipairs(ask.accounts) do
    forget_dead(account.name)
    local bound, wait
    if account.fresh then bound, wait = entry_refused(account) end
    if not bound then bound, wait = hold_refused(account) end
    if bound then return {0, i, bound, wait, standing()} end
  end
  for _, account in ipairs(ask.accounts) do
    if account.fresh then enter(account) end
    let_go(account.name, ask.lease)
    keep(account.name, ask.lease, ask.tokens, ask.micro)
    open(account.name, ask.lease)
  end
  return {1, standing()}
end

function operations.settle()
  for _, each in ipairs(ask.ended) do
    for _, name in ipairs(each.names) do
      let_go(name, each.lease)
      if each.spent > 0 then spend(name, each.spent, each.micro) end
    end
  end
  return {1}
end

function operations.renew()
  for _, each in ipairs(ask.leases) do
    for _, name in ipairs(each.names) do
      forget_dead(name)
      if not redis.call('HGET', key('h', name), each.lease) then keep(name, each.lease, each.tokens, each.micro) end
      open(name, each.lease)
    end
  end
  return {1}
end

function operations.used()
  local all = {}
  for i, name in ipairs(ask.names) do
    local found = {}
    for _, period in ipairs({ask.day, ask.month}) do
      local t, m = unpack(redis.call('HMGET', key('u', name) .. ':' .. period, 't', 'm'))
      found[#found + 1], found[#found + 2] = tonumber(t or '0'), tonumber(m or '0')
    end
    all[i] = found
  end
  return {1, all}
end

return operations[ARGV[1]]()
