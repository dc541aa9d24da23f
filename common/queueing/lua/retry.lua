-- Failed and stopped jobs run again, with all their attempts; a job with a lane goes to its lane's end.
-- (lib: common.queueing:lib)
-- ARGV: iso now, id, ...
-- Returns how many were taken up
local iso, done = ARGV[1], 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local job = 'rq:job:' .. id
  local f = call('HMGET', job, 'status', 'origin', 'lane', 'retries_left', 'number_of_retries')
  if f[1] == 'failed' or f[1] == 'stopped' then
    done = done + 1
    call('ZREM', 'rq:failed:' .. f[2], id)
    call('PERSIST', job)
    call('HSET', job, 'retries_left', (f[4] or 0) + (f[5] or 0), 'number_of_retries', 0)
    call('HDEL', job, 'abandoned', 'ended_at', 'due', 'doomed', 'waits', 'slot')
    call('SADD', 'rq:queues', 'rq:queue:' .. f[2])
    q_enter(id, f[2], f[3] or '', iso, '')
  end
end
return done
