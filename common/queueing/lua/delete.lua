-- Jobs that do not run are taken away with all that is kept of them; a lane moves on behind its head, and jobs that
-- needed one that was not finished learn that it failed.
-- (lib: common.queueing:lib)
-- ARGV: iso now, id, ...
-- Returns how many were deleted
local LONGEST = 10000 -- an id further behind stays in its list; claim drops ids without a job
local iso, done = ARGV[1], 0
for i = 2, #ARGV do
  local id = ARGV[i]
  local job = 'rq:job:' .. id
  local f = call('HMGET', job, 'status', 'origin', 'lane')
  local status, queue, lane = f[1], f[2], f[3]
  if status and status ~= 'started' then
    done = done + 1
    if status == 'queued' then
      local list = q_list(id, queue)
      if call('LPOS', list, id, 'MAXLEN', LONGEST) then call('LREM', list, 1, id) end
    elseif status == 'scheduled' then
      q_unschedule(id, queue)
    elseif status == 'deferred' then
      call('ZREM', 'rq:deferred:' .. queue, id)
    else
      call('ZREM', 'rq:finished:' .. queue, id)
      call('ZREM', 'rq:failed:' .. queue, id)
    end
    q_resolve(id, status == 'finished', iso)
    call('DEL', job, 'rq:results:' .. id, 'rq:executions:' .. id, 'rq:log:' .. id)
    if lane then
      if q_lane_head(lane) == id then q_advance(lane, id, iso) else call('LREM', 'rq:lane:' .. lane, 1, id) end
    end
  end
end
return done
