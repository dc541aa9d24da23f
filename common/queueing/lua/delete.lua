-- Jobs that do not run are taken away with all that is kept of them; a lane moves on behind its head, and jobs that
-- needed one that was not finished learn that it failed.
-- (lib: common.queueing:lib)
-- ARGV: iso now, queue or '', id, ...
--   queue   which forgets those ids, waiting or deferred, that have no job any more
-- Returns {how many were deleted, how many ids were forgotten, how many of the ids it has dealt with}: it stops early
-- when its ids stand deep in long lists, and is called again with the others
local LONGEST = 10000 -- an id further behind stays in its list; claim and advance drop ids without a job
local WORK = 20000 -- list entries a call looks at, or some more
local iso, here, done, forgot, seen = ARGV[1], ARGV[2], 0, 0, 0

local function drop(list, id)
  local at = call('LPOS', list, id, 'MAXLEN', LONGEST)
  if at then call('LREM', list, 1, id) end
  seen = seen + (at or LONGEST)
  return at and 1 or 0
end

local function forget(id)
  local n = call('ZREM', 'rq:deferred:' .. here, id)
  for _, list in ipairs(n == 0 and q_lists(here) or {}) do n = n + drop(list, id) end
  if n > 0 then forgot = forgot + 1 end
end

for i = 3, #ARGV do
  local id = ARGV[i]
  local job = 'rq:job:' .. id
  local f = call('HMGET', job, 'status', 'origin', 'lane')
  local status, queue, lane = f[1], f[2], f[3]
  if status and status ~= 'started' then
    local over = status == 'finished' or q_over(status)
    done = done + 1
    if status == 'queued' then
      drop(q_list(id, queue), id)
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
    if lane and not over then -- one that is over has left its lane
      if q_lane_head(lane) == id then q_advance(lane, id, iso) else drop('rq:lane:' .. lane, id) end
      q_flush() -- now: the one that was set free may be the next to be deleted
    end
  end
  if not status and here ~= '' then forget(id) end
  if seen >= WORK then return {done, forgot, i - 2} end
end
return {done, forgot, #ARGV - 2}
