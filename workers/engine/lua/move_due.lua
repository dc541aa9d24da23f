-- Jobs whose time has come go from the scheduler's set to their queues, a bounded number at a time. Two schedulers may
-- run: what one has moved the other does not find. (lib: common.queueing:lib)
-- ARGV: most to move, iso now
-- Returns {moved, next due time or '', {periodic id, its score, ...}, {parked id, ...}}
local DELAYED, PARKED = 'rq:scheduler:scheduled_jobs', 'rq:scheduler:parked'
local now, moved, periodic, parked = q_now(), 0, {}, {}

local function move(id, score)
  local f = call('HMGET', 'rq:job:' .. id, 'origin', 'status', 'enqueue_at_front', 'meta')
  if not f[1] then
    call('ZREM', DELAYED, id) -- its job is gone
  elseif f[4] and (string.find(f[4], 'cron_string', 1, true) or string.find(f[4], 'interval', 1, true)) then
    periodic[#periodic + 1] = id
    periodic[#periodic + 1] = score
  else
    q_unschedule(id, f[1])
    if f[2] ~= 'scheduled' then return end -- it went another way: promoted, or run by a stock client
    call('SADD', 'rq:queues', 'rq:queue:' .. f[1])
    q_push(id, f[1], ARGV[2])
    moved = moved + 1
  end
end

local due = call('ZRANGEBYSCORE', DELAYED, '-inf', now, 'WITHSCORES', 'LIMIT', 0, tonumber(ARGV[1]))
for i = 1, #due, 2 do
  if not pcall(move, due[i], due[i + 1]) then
    call('ZREM', DELAYED, due[i])
    call('ZADD', PARKED, now, due[i])
    call('ZREMRANGEBYRANK', PARKED, 0, -1001)
    parked[#parked + 1] = due[i]
  end
end
local first = call('ZRANGE', DELAYED, 0, 0, 'WITHSCORES')
return {moved, first[2] or '', periodic, parked}
