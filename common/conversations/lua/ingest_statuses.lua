-- Applies delivery states, moving each message up only; settles an outbox entry whose outcome was unknown.
-- ARGV: 1 tenant  2 now  3 day  then 10 per status: our mid or ''  wamid (sealed)  wamid digest  state  at  error code  error
--       category  pricing type  billable (1|0|'')
-- Returns {applied, unknown}: unknown statuses belong to no message of ours.
local t, now, day = ARGV[1], ARGV[2], ARGV[3]
local RANK = {intent = 1, sending = 2, accepted = 3, sent = 4, delivered = 5, read = 6, played = 7}
local applied, unknown, failed, delivered, sent = 0, 0, 0, 0, 0
local changed = {} -- conversations to tell of it, each once

local set, size = {}, 0 -- fields and values of the message at hand: used again for each, for a table costs

local function put(name, value)
  set[size + 1], set[size + 2] = name, value
  size = size + 2
end

-- The message that a status is about, by our own id or else by Meta's; nil when it is not ours.
local function find(mid, wd, seen)
  if mid ~= '' then
    local held = redis.call('HMGET', K.message(t, mid), 'state', 'conv', 'by', 'wamid', seen)
    if held[1] then return mid, held end
  end
  mid = redis.call('GET', K.wamid(t, wd))
  local held = mid and redis.call('HMGET', K.message(t, mid), 'state', 'conv', 'by', 'wamid', seen)
  if held and held[1] then return mid, held end
end

local function apply(i)
  local state, at = ARGV[i + 3], ARGV[i + 4]
  local id, held = find(ARGV[i], ARGV[i + 2], state .. '_at')
  if not id then
    unknown = unknown + 1
    if ARGV[i] ~= '' and state ~= 'failed' then tell_accepted(t, ARGV[i], ARGV[i + 1], at) end
    return
  end
  applied, size = applied + 1, 0
  local mk, before, rank = K.message(t, id), RANK[held[1]] or 0, RANK[state]
  if not held[4] then put('wamid', ARGV[i + 1]) end
  if not held[4] or before < RANK.accepted then -- else whoever sent it has noted its wamid
    redis.call('SET', K.wamid(t, ARGV[i + 2]), id, 'EX', math.max(60, redis.call('TTL', mk)))
  end
  if ARGV[i + 7] ~= '' then
    put('category', ARGV[i + 7])
    put('pricing', ARGV[i + 8])
    put('billable', ARGV[i + 9])
  end
  local fails = state == 'failed' and before < RANK.delivered and held[1] ~= 'failed'
  if fails then
    put('state', 'failed')
    put('failed_at', at)
    put('error_code', ARGV[i + 5])
    put('error', ARGV[i + 6])
    failed = failed + 1
  elseif rank then
    if not held[5] then put(state .. '_at', at) end
    -- delivered or read after failed happens (several devices): then it did arrive
    if rank > before and (held[1] ~= 'failed' or rank >= RANK.delivered) then
      put('state', state)
      -- whoever sent it has not heard of its acceptance: it counts as sent here, once
      if before < RANK.accepted and held[1] ~= 'failed' and redis.call('HSETNX', mk, 'accepted_at', at) == 1 then
        sent = sent + 1
      end
      if before < RANK.delivered and rank >= RANK.delivered then delivered = delivered + 1 end
    end
  end
  if size > 0 then redis.call('HSET', mk, unpack(set, 1, size)) end
  if fails and ARGV[i + 5] == '131050' then marketing_stopped(t, held[2], at) end
  if fails and held[3] == 'bot' then
    hand_over(t, held[2], now, day, 'the answer was not delivered: ' .. ARGV[i + 6])
  end
  if fails or state ~= 'failed' then changed[held[2]] = true end
end

for i = 4, #ARGV, 10 do apply(i) end
for cid in pairs(changed) do bump(t, cid) end
if failed > 0 then count(t, day, 'failed', failed) end
if sent > 0 then count(t, day, 'sent', sent) end
if delivered > 0 then count(t, day, 'delivered', delivered) end
if unknown > 0 then count(t, day, 'unknown_statuses', unknown) end
return {applied, unknown}
