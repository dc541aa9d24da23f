-- One tick of a periodic job of rq-scheduler's kind: to its queue and to its next time, in one step.
-- (lib: common.queueing:lib)
-- ARGV: id, score it was seen with, next time or '', iso now, new meta or ''
-- Returns 1 queued | 0 another scheduler was first, or its last run is not over
local DELAYED, id = 'rq:scheduler:scheduled_jobs', ARGV[1]
if call('ZSCORE', DELAYED, id) ~= ARGV[2] then return 0 end
local job = call('HMGET', 'rq:job:' .. id, 'origin', 'status')
if ARGV[3] == '' then call('ZREM', DELAYED, id) else call('ZADD', DELAYED, ARGV[3], id) end
if not job[1] or job[2] == 'queued' or job[2] == 'started' then return 0 end
if ARGV[5] ~= '' then call('HSET', 'rq:job:' .. id, 'meta', ARGV[5]) end
call('PERSIST', 'rq:job:' .. id)
call('SADD', 'rq:queues', 'rq:queue:' .. job[1])
call('ZREM', 'rq:finished:' .. job[1], id)
call('ZREM', 'rq:failed:' .. job[1], id)
q_push(id, job[1], ARGV[4])
return 1
