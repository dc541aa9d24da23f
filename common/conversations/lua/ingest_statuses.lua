-- Applies delivery states, moving each message up only; settles an outbox entry whose outcome was unknown.
-- ARGV: 1 tenant  2 now  3 day  then 10 per status: our mid or ''  wamid (sealed)  wamid digest  state  at  error code  error
--       category  pricing type  billable (1|0|'')
-- Returns {applied, unknown}: unknown statuses belong to no message of ours.
local t, now, day = ARGV[1], ARGV[2], ARGV[3]
local RANK = {intent = 1, sending = 2, accepted = 3, sent = 4, delivered = 5, read = 6, played = 7}
local applied, unknown = 0, 0

local function apply(i)
  local mid, wamid, wd, state, at, code, err = unpack(ARGV, i, i + 6)
  if mid == '' or redis.call('EXISTS', K.message(t, mid)) == 0 then mid = redis.call('GET', K.wamid(t, wd)) end
  if not mid then
    unknown = unknown + 1
    return
  end
  local mk = K.message(t, mid)
  local held = redis.call('HMGET', mk, 'state', 'conv', 'by', 'wamid')
  if not held[1] then
    unknown = unknown + 1
    return
  end
  applied = applied + 1
  local before = RANK[held[1]] or 0
  if not held[4] then redis.call('HSET', mk, 'wamid', wamid) end
  if before <= RANK.accepted then
    redis.call('SET', K.wamid(t, wd), mid, 'EX', math.max(60, redis.call('TTL', mk)))
  end
  if ARGV[i + 7] ~= '' then redis.call('HSET', mk, 'category', ARGV[i + 7], 'pricing', ARGV[i + 8], 'billable', ARGV[i + 9]) end
  if state == 'failed' then
    if before >= RANK.delivered or held[1] == 'failed' then return end
    redis.call('HSET', mk, 'state', 'failed', 'failed_at', at, 'error_code', code, 'error', err)
    count(t, day, 'failed')
    if held[3] == 'bot' then hand_over(t, held[2], now, day, 'the answer was not delivered: ' .. err) end
  elseif RANK[state] then
    redis.call('HSETNX', mk, state .. '_at', at)
    -- delivered or read after failed happens (several devices): then it did arrive
    if RANK[state] > before and (held[1] ~= 'failed' or RANK[state] >= RANK.delivered) then
      redis.call('HSET', mk, 'state', state)
      if before < RANK.delivered and RANK[state] >= RANK.delivered then count(t, day, 'delivered') end
    end
  end
  bump(t, held[2])
end

for i = 4, #ARGV, 10 do apply(i) end
if unknown > 0 then count(t, day, 'unknown_statuses', unknown) end
return {applied, unknown}
