-- Leases that ran out: their jobs go to the front of their queue. One that was lost too often is leased to the caller,
-- who buries it; should the caller die over it, the next reaper finds it again. (lib: common.queueing:lib)
-- ARGV: margin in s, losses allowed, seconds the caller may take, iso, queue, ...
-- Returns {jobs sent back, {queue, id, execution, data, failure_ttl, lane}, ...}
local MOST = 100
local margin, allowed, hold, iso = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local out, now = {0}, q_now()

local function lost(queue, id, execution)
  local job, key = 'rq:job:' .. id, id .. ':' .. execution
  local f = call('HMGET', job, 'status', 'data', 'failure_ttl', 'lane', 'worker_name', 'execution')
  if f[1] == 'started' and f[6] == execution then
    if call('HINCRBY', job, 'abandoned', 1) > allowed then
      call('ZADD', 'rq:wip:' .. queue, 'XX', now + margin + hold, key)
      out[#out + 1] = {queue, id, execution, f[2], f[3], f[4]}
      return
    end
    call('XADD', 'rq:results:' .. id, 'MAXLEN', 5, '*', 'type', 4, 'worker_name', f[5] or '', 'execution_id', execution,
      'error', 'AbandonedJobError: its worker died or lost its lease')
    call('EXPIRE', 'rq:results:' .. id, 604800)
    call('HINCRBY', 'rq:totals:' .. queue, 'abandoned', 1)
    q_event(queue, 'stalled', id, f[5] or '')
    q_push(id, queue, iso, true)
    out[1] = out[1] + 1
  end
  call('ZREM', 'rq:wip:' .. queue, key)
  call('DEL', 'rq:execution:' .. key)
  call('ZREM', 'rq:executions:' .. id, execution)
end

for i = 5, #ARGV do
  local queue = ARGV[i]
  for _, key in ipairs(call('ZRANGEBYSCORE', 'rq:wip:' .. queue, '-inf', now + margin, 'LIMIT', 0, MOST)) do
    local id, execution = string.match(key, '^(.*):([^:]*)$')
    if id then lost(queue, id, execution) else call('ZREM', 'rq:wip:' .. queue, key) end
  end
end
return out
