-- Queue primitives on RQ's own keys. Put in front of another script with
--   Script("package", "name", lib=["common.queueing:lib"])
-- so that storing something and queueing its job are one atomic step. Valid on Redis 6.2; keys are computed.
--
--   q_enqueue(id, queue, lane, iso, due, fields, needs) -> 0 the id exists (nothing done) | 1 queued | 2 deferred
--       | 3 scheduled
--       fields  flat array of hash fields and values of `rq:job:<id>`, as JobSpec.fields() makes them
--       lane    '' or the name of a FIFO; only its head is ever queued, scheduled or running
--       due     '' or unix seconds as text: a job that is free to go waits in the scheduler's set until then;
--               one that must wait for its lane looks at it again when its turn comes
--       needs   nil or an array of ids that must be over first; only then it enters its lane. One that is gone counts
--               as over. When one has failed, the job runs only if it has `allow_dependency_failures` 1; else a worker
--               fails it, so that the dead-letter hook hears of it
--   q_enter(id, queue, lane, iso, due) puts a job where it has to wait: lane, scheduler's set or queue; as q_enqueue
--   q_resolve(id, good, iso) tells the jobs that need id how it ended; very many of them, a part at a time
--   q_postpone(id, due) -> 1 the job still waits in the scheduler's set and now runs no earlier than due | 0
--   q_lane_head(lane) -> id | false
--   q_advance(lane, id, iso) -> 1 id was the head, is gone, and the next one was set free | 0
--   q_release(id, queue, iso) sets a job free that waited for its lane: to its queue, or to the scheduler's set
--   q_flush() at the end of whoever calls q_advance or q_release: those that were set free go to their lists together.
--       Returns their queues as the keys of a table; unless `silent`, an idle worker is woken for each
--   q_schedule(id, queue, due)  q_unschedule(id, queue)  the scheduler's set and the per-queue index of it
--   q_push(id, queue, iso, front) to the end of its band of the queue (front: to its head, as old as it was); wakes a
--       worker. Priority 5 is the queue's own list; each other one in use has a list beside it, known by `rq:bands:`
--   q_list(id, queue) -> the list that holds, or would hold, the job
--   q_lists(queue) -> its lists, the most urgent first
--   q_wake(queue) leaves at most one token for an idle worker
--   q_event(queue, kind, id, detail) tells whoever reads the queue's events
--   q_now() -> unix seconds of Redis, as a number
local call = redis.call

local function q_now()
  local t = call('TIME')
  return t[1] + t[2] / 1000000
end

local function q_event(queue, kind, id, detail)
  call('XADD', 'rq:events:' .. queue, 'MAXLEN', '~', 5000, '*', 'kind', kind, 'job', id, 'detail', detail)
end

local woken = {} -- by this call: nobody takes a token while a script runs
local function q_wake(queue)
  if woken[queue] then return end
  woken[queue] = true
  local key = 'rq:wake:' .. queue
  if call('EXISTS', key) == 0 then call('LPUSH', key, '1') end
end

local function q_band(queue, priority)
  if not priority or priority == '5' then return 'rq:queue:' .. queue end
  return 'rq:queue:' .. queue .. ':p' .. priority, priority
end

local function q_list(id, queue)
  return q_band(queue, call('HGET', 'rq:job:' .. id, 'priority'))
end

local function q_lists(queue)
  local main = 'rq:queue:' .. queue
  local bands = call('ZRANGE', 'rq:bands:' .. queue, 0, -1, 'WITHSCORES')
  if #bands == 0 then return {main} end
  local out, placed = {}, false
  for i = 1, #bands, 2 do
    if not placed and tonumber(bands[i + 1]) > 5 then
      out[#out + 1], placed = main, true
    end
    out[#out + 1] = bands[i]
  end
  if not placed then out[#out + 1] = main end
  return out
end

-- A list beside the queue's own is a queue of its own to RQ's tools, as long as it holds something.
local function q_know(queue, list, priority)
  if priority then
    call('ZADD', 'rq:bands:' .. queue, priority, list)
    call('SADD', 'rq:queues', list)
  end
end

local function q_push(id, queue, iso, front)
  local job, list, priority = 'rq:job:' .. id, q_list(id, queue)
  q_know(queue, list, priority)
  if front then -- what goes back to the front has waited since then
    call('HSET', job, 'status', 'queued')
    call('LPUSH', list, id)
  else
    call('HSET', job, 'status', 'queued', 'enqueued_at', iso)
    call('RPUSH', list, id)
  end
  q_wake(queue)
end

local function q_schedule(id, queue, due)
  call('HSET', 'rq:job:' .. id, 'status', 'scheduled')
  call('ZADD', 'rq:scheduler:scheduled_jobs', due, id)
  call('ZADD', 'rq:scheduled:' .. queue, due, id)
end

local function q_unschedule(id, queue)
  call('ZREM', 'rq:scheduled:' .. queue, id)
  return call('ZREM', 'rq:scheduler:scheduled_jobs', id)
end

local function q_lane_head(lane)
  return call('LINDEX', 'rq:lane:' .. lane, 0)
end

local freed = {} -- by list: what this call sets free, to go there together

local function q_free(id, queue, iso, due, priority)
  if due then
    call('HDEL', 'rq:job:' .. id, 'due')
    if tonumber(due) > q_now() then
      call('ZREM', 'rq:deferred:' .. queue, id)
      return q_schedule(id, queue, due)
    end
  end
  call('HSET', 'rq:job:' .. id, 'status', 'queued', 'enqueued_at', iso)
  local list, band = q_band(queue, priority)
  local f = freed[list] or {queue = queue, band = band, ids = {}}
  f.ids[#f.ids + 1], freed[list] = id, f
end

local function q_flush(silent)
  local queues = {}
  for list, f in pairs(freed) do
    call('ZREM', 'rq:deferred:' .. f.queue, unpack(f.ids))
    q_know(f.queue, list, f.band)
    call('RPUSH', list, unpack(f.ids))
    queues[f.queue] = true
    if not silent then q_wake(f.queue) end
  end
  freed = {}
  return queues
end

local function q_release(id, queue, iso)
  local f = call('HMGET', 'rq:job:' .. id, 'due', 'priority')
  q_free(id, queue, iso, f[1], f[2])
end

-- Ids whose job is gone or over are dropped on the way: a lane never stands still behind them.
local function q_advance(lane, id, iso)
  local key = 'rq:lane:' .. lane
  local head = call('LPOP', key)
  if head ~= id then
    if head then call('LPUSH', key, head) end
    return 0
  end
  while true do
    local next_id = call('LINDEX', key, 0)
    if not next_id then
      call('ZREM', 'rq:lanes', lane)
      return 0
    end
    local job = call('HMGET', 'rq:job:' .. next_id, 'origin', 'status', 'due', 'priority')
    if job[2] == 'deferred' then
      q_free(next_id, job[1], iso, job[3], job[4])
      return 1
    end
    if job[2] == 'queued' or job[2] == 'scheduled' or job[2] == 'started' then return 0 end
    call('LPOP', key)
  end
end

local function q_enter(id, queue, lane, iso, due)
  local job = 'rq:job:' .. id
  if lane ~= '' then
    if call('RPUSH', 'rq:lane:' .. lane, id) > 1 then
      call('HSET', job, 'status', 'deferred')
      if due ~= '' then call('HSET', job, 'due', due) end
      call('ZADD', 'rq:deferred:' .. queue, q_now(), id)
      return 2
    end
    call('ZADD', 'rq:lanes', q_now(), lane)
  end
  if due ~= '' then
    q_schedule(id, queue, due)
    return 3
  end
  q_push(id, queue, iso)
  return 1
end

local function q_over(status)
  return status == 'failed' or status == 'stopped' or status == 'canceled'
end

-- How many of `needs` are still to come; each of them learns who waits.
local function q_need(id, needs)
  local open, allowed = 0, call('HGET', 'rq:job:' .. id, 'allow_dependency_failures') == '1'
  for _, need in ipairs(needs) do
    local status = call('HGET', 'rq:job:' .. need, 'status')
    if q_over(status) then
      if not allowed then call('HSET', 'rq:job:' .. id, 'doomed', need) end
    elseif status and status ~= 'finished' then
      open = open + call('SADD', 'rq:job:' .. need .. ':dependents', id)
    end
  end
  return open
end

local function q_enqueue(id, queue, lane, iso, due, fields, needs)
  local job = 'rq:job:' .. id
  if call('EXISTS', job) == 1 then return 0 end
  fields[#fields + 1], fields[#fields + 2] = 'origin', queue
  if lane ~= '' then fields[#fields + 1], fields[#fields + 2] = 'lane', lane end
  call('HSET', job, unpack(fields))
  call('SADD', 'rq:queues', 'rq:queue:' .. queue)
  local open = needs and q_need(id, needs) or 0
  if open > 0 then
    call('HSET', job, 'status', 'deferred', 'waits', open)
    if due ~= '' then call('HSET', job, 'due', due) end
    call('ZADD', 'rq:deferred:' .. queue, q_now(), id)
    return 2
  end
  return q_enter(id, queue, lane, iso, due)
end

-- At most `most` of those in the set learn how id ended; returns how many did.
local function q_tell(key, id, good, iso, most)
  local waiting = call('SPOP', key, most)
  for _, child in ipairs(waiting) do
    local job = 'rq:job:' .. child
    local f = call('HMGET', job, 'status', 'waits', 'origin', 'lane', 'due', 'allow_dependency_failures')
    if f[1] == 'deferred' and f[2] then
      if not good and f[6] ~= '1' then call('HSET', job, 'doomed', id) end
      if call('HINCRBY', job, 'waits', -1) <= 0 then
        call('HDEL', job, 'waits', 'due')
        call('ZREM', 'rq:deferred:' .. f[3], child)
        q_enter(child, f[3], f[4] or '', iso, f[5] and tonumber(f[5]) > q_now() and f[5] or '')
      end
    end
  end
  return #waiting
end

local AT_ONCE, told = 100, 0 -- dependents that one call tells, all its jobs together; the scheduler tells the others

local function q_resolve(id, good, iso)
  local key, most = 'rq:job:' .. id .. ':dependents', AT_ONCE - told
  if most == 0 and call('EXISTS', key) == 0 then return end
  local n = most > 0 and q_tell(key, id, good, iso, most) or 0
  told = told + n
  if n == most and call('EXISTS', key) == 1 then -- under another name: should it run again, its next end is another's
    local rest = string.format('%d:%.0f:%s', good and 1 or 0, q_now() * 1000000, id)
    call('RENAME', key, 'rq:resolving:' .. rest)
    call('ZADD', 'rq:resolving', q_now(), rest)
  end
end

local function q_postpone(id, due)
  if not call('ZSCORE', 'rq:scheduler:scheduled_jobs', id) then return 0 end
  local job = call('HMGET', 'rq:job:' .. id, 'status', 'origin')
  if job[1] ~= 'scheduled' then return 0 end
  call('ZADD', 'rq:scheduler:scheduled_jobs', 'XX', 'GT', due, id)
  call('ZADD', 'rq:scheduled:' .. job[2], 'XX', 'GT', due, id)
  return 1
end
