-- A worker tells a Redis that may have forgotten it what became of a bubble. Changes nothing where that is known.
-- ARGV: 1 tenant  2 now  3 day  4 mid  5 execution  6 fact (sending | accepted)  7 ttl s  8 settle s  9 wamid (sealed)
--       10 wamid digest  11 messages that it answers (JSON list of mid) or ''
-- sending: it was posted, or may have been, and no answer is known: it does not leave again within the settle time.
-- A bubble that is forgotten itself, with the decision of its turn, is spoken of until it is decided again.
-- Returns 1 when it was news, else 0.
local t, now, mid, accepted = ARGV[1], ARGV[2], ARGV[4], ARGV[6] == 'accepted'
local mk = K.message(t, mid)
local there = redis.call('EXISTS', mk) == 1
if not there then mk = K.told(t, mid) end
local held = redis.call('HMGET', mk, 'state', 'exec', 'conv', 'accepted_at')
local state = held[1] or 'intent'
if not there and ARGV[11] ~= '' then -- also when Meta's status has told the rest: it does not know these
  redis.call('HSET', mk, 'messages', ARGV[11])
  redis.call('EXPIRE', mk, TOLD_TTL)
end
if held[4] or (not accepted and state == 'sending' and held[2] == ARGV[5]) then return 0 end
if accepted then
  redis.call('HSET', mk, 'wamid', ARGV[9], 'accepted_at', now)
  redis.call('SET', K.wamid(t, ARGV[10]), mid, 'EX', ARGV[7])
  redis.call('HDEL', mk, 'error', 'error_code', 'refused_at', 'exec', 'asked', 'settle_at')
  if state == 'intent' or state == 'sending' or state == 'canceled' then redis.call('HSET', mk, 'state', 'accepted') end
  count(t, ARGV[3], 'sent')
elseif state == 'intent' or state == 'sending' then
  local time = redis.call('TIME')
  local at = time[1] + time[2] / 1000000
  redis.call('HSET', mk, 'state', 'sending', 'exec', ARGV[5], 'asked', '', 'sending_at', string.format('%.6f', at),
    'settle_at', string.format('%.6f', at + ARGV[8]))
else
  return 0
end
if there then bump(t, held[3]) else redis.call('EXPIRE', mk, TOLD_TTL) end
return 1
