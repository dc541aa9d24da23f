-- What became of a POST to Graph. An acceptance is always recorded, even by a zombie: it did happen.
-- ARGV: 1 tenant  2 now  3 day  4 mid  5 execution  6 verdict (accepted | back | failed)  7 ttl s  8 wamid (sealed)  9 wamid digest
--       10 error code  11 error
-- back: Graph refused for now and sent nothing, so it may be sent again; failed: it never can be.
local t, now, mid, verdict = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local mk = K.message(t, mid)
local held = redis.call('HMGET', mk, 'state', 'exec', 'conv', 'by')
local state = held[1]
if not state then return 0 end
if verdict == 'accepted' then
  redis.call('SET', K.wamid(t, ARGV[9]), mid, 'EX', ARGV[7])
  redis.call('HSET', mk, 'wamid', ARGV[8], 'accepted_at', now)
  if state == 'intent' or state == 'sending' or state == 'canceled' then redis.call('HSET', mk, 'state', 'accepted') end
  redis.call('HDEL', mk, 'error', 'error_code')
  local number = redis.call('HGET', K.conversation(t, held[3]), 'phone_number_id')
  if number then redis.call('DEL', K.number(t, number)) end -- it works (again)
  count(t, ARGV[3], 'sent')
elseif state == 'sending' and held[2] == ARGV[5] then
  redis.call('HSET', mk, 'state', verdict == 'back' and 'intent' or 'failed', 'error_code', ARGV[10], 'error', ARGV[11])
  if verdict == 'failed' then
    redis.call('HSET', mk, 'failed_at', now)
    count(t, ARGV[3], 'failed')
  end
end
bump(t, held[3])
return 1
