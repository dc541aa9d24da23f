-- Lanes whose head is no live job (deleted, expired, ended by a stock client) move on; a head that should be somewhere
-- and is not is put there. Looks at a bounded number of lanes, those looked at longest ago. (lib: common.queueing:lib)
-- ARGV: seconds since the last look, most lanes, iso now
-- Returns {lanes looked at, lanes repaired}
local LONGEST = 1000 -- a queue longer than this is not searched for a head
local now, iso, repaired = q_now(), ARGV[3], 0

local function live(id, status, queue, execution)
  if status == 'queued' then
    local list = q_list(id, queue)
    return call('LLEN', list) > LONGEST or call('LPOS', list, id)
  elseif status == 'scheduled' then
    return call('ZSCORE', 'rq:scheduler:scheduled_jobs', id)
  elseif status == 'started' then
    return execution and call('ZSCORE', 'rq:wip:' .. queue, id .. ':' .. execution)
  end
  return false
end

local function look(lane)
  local id = call('LINDEX', 'rq:lane:' .. lane, 0)
  if not id then return call('ZREM', 'rq:lanes', lane) end
  call('ZADD', 'rq:lanes', now, lane)
  local f = call('HMGET', 'rq:job:' .. id, 'status', 'origin', 'execution')
  if live(id, f[1], f[2], f[3]) then return end
  repaired = repaired + 1
  if f[1] == 'deferred' then
    q_release(id, f[2], iso)
  elseif f[1] == 'queued' or f[1] == 'scheduled' or f[1] == 'started' then
    q_push(id, f[2], iso, true)
  else
    q_advance(lane, id, iso)
  end
end

local lanes = call('ZRANGEBYSCORE', 'rq:lanes', '-inf', now - ARGV[1], 'LIMIT', 0, tonumber(ARGV[2]))
for _, lane in ipairs(lanes) do look(lane) end
q_flush()
return {#lanes, repaired}
