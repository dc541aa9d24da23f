-- What became of a POST to Graph. An acceptance is always recorded, even by a zombie: it did happen.
-- ARGV: 1 tenant  2 now  3 day  4 mid  5 execution  6 verdict (accepted | back | failed)  7 ttl s  8 wamid (sealed)  9 wamid digest
--       10 error code  11 error  12 iso now  13 job that waits for the number from now on, or ''
-- back: Graph refused for now and sent nothing, so it may be sent again; failed: it never can be.
-- Returns for how many seconds (of Redis' clock) Graph has been refusing this message, as text; '0' when it does not.
local AT_ONCE = 100 -- jobs set free by one acceptance; theirs set free the next ones
local t, now, mid, verdict = ARGV[1], ARGV[2], ARGV[4], ARGV[6]
local mk = K.message(t, mid)
local held = redis.call('HMGET', mk, 'state', 'exec', 'conv', 'by', 'refused_at', 'accepted_at')
local state = held[1]
if not state then
  if verdict == 'accepted' then
    tell_accepted(t, mid, ARGV[8], now)
    redis.call('SET', K.wamid(t, ARGV[9]), mid, 'EX', ARGV[7])
  end
  return '0'
end

-- The number works (again): whoever waits for it goes on. A job whose waiting is not written down yet is told next time.
local function works(number)
  if redis.call('EXISTS', K.number(t, number), K.number_waiting(t, number)) == 0 then return end
  redis.call('DEL', K.number(t, number))
  for _, job in ipairs(redis.call('SPOP', K.number_waiting(t, number), AT_ONCE)) do
    local f = redis.call('HMGET', 'rq:job:' .. job, 'status', 'origin')
    if f[1] == 'scheduled' then
      q_unschedule(job, f[2])
      q_push(job, f[2], ARGV[12])
    elseif f[1] == 'started' then
      wait_for_number(t, number, job)
    end
  end
end

local refused, ck = '0', K.conversation(t, held[3])
local number = redis.call('HGET', ck, 'phone_number_id')
if verdict == 'accepted' then
  redis.call('SET', K.wamid(t, ARGV[9]), mid, 'EX', ARGV[7])
  if state == 'intent' or state == 'sending' or state == 'canceled' then state = 'accepted' end
  redis.call('HSET', mk, 'wamid', ARGV[8], 'state', state, 'accepted_at', held[6] or now)
  if not held[6] then count(t, ARGV[3], 'sent') end
  redis.call('HDEL', mk, 'error', 'error_code', 'refused_at', 'exec', 'asked', 'settle_at') -- of sending only
  if number then works(number) end
elseif state == 'sending' and held[2] == ARGV[5] then
  redis.call('HSET', mk, 'state', verdict == 'back' and 'intent' or 'failed', 'error_code', ARGV[10], 'error', ARGV[11])
  if verdict == 'failed' then
    redis.call('HSET', mk, 'failed_at', now)
    count(t, ARGV[3], 'failed')
    if ARGV[10] == '131050' then marketing_stopped(t, held[3], now) end
  elseif ARGV[11] ~= '' then
    local time = redis.call('TIME')
    local at = time[1] + time[2] / 1000000
    if not held[5] then redis.call('HSET', mk, 'refused_at', string.format('%.6f', at)) end
    refused = string.format('%.6f', at - (held[5] or at))
    if number and ARGV[13] ~= '' then wait_for_number(t, number, ARGV[13]) end
  end
end
if number then redis.call('HINCRBY', ck, 'v', 1) end
return refused
