-- Jobs that wait for their time go to their queues now (lib: common.queueing:lib).
-- ARGV: iso now, id, ...
-- Returns how many were promoted
local done = 0
for i = 2, #ARGV do
  local f = call('HMGET', 'rq:job:' .. ARGV[i], 'status', 'origin')
  if f[1] == 'scheduled' then
    q_unschedule(ARGV[i], f[2])
    q_push(ARGV[i], f[2], ARGV[1])
    done = done + 1
  end
end
return done
