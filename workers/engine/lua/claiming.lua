-- Library: taking jobs. (lib: common.queueing:lib, workers.engine:briefing)
--   claim(k, worker, ttl, iso, prefix, queues) pops at most k jobs from `queues`, in order, and starts them: pop and lease
--       are one step, so no job is ever in neither.
--       ttl     seconds of lease and margin
--       prefix  of the ids of their executions
--   -> {microseconds until a limited queue may go on or -1, row, ...}, a row being {queue, id, execution, data, timeout,
--       result_ttl, failure_ttl, retries_left, number_of_retries, lane, enqueued_at, id of a needed job that failed,
--       back-off, keep_completed, keep_failed, 1 if it is too old, its briefing or false}
--   waiting(queue, lists) -> how many jobs stand in the lists of the queue; an empty band is forgotten
local LOOKS = 200 -- ids a queue and claim, also when none of them may start

local function waiting(queue, lists)
  local sum = 0
  for _, list in ipairs(lists) do
    local n = call('LLEN', list)
    if n == 0 and #lists > 1 and call('ZREM', 'rq:bands:' .. queue, list) == 1 then call('SREM', 'rq:queues', list) end
    sum = sum + n
  end
  return sum
end

local function claim(k, worker, ttl, iso, prefix, queues)
  local out, wait, n, mine = {-1}, -1, 0, {}
  if call('EXISTS', 'rq:suspended') == 1 then return out end
  local now = q_now()
  local stamp, score = string.format('%.6f', now), string.format('%.3f', now + ttl)

  -- GCRA: how many of `many` may start now. Nobody holds a token, so a dead worker cannot keep one.
  local function allowed(queue, many)
    local key = 'rq:limit:' .. queue
    local lim = call('HMGET', key, 'n', 'us', 'burst', 'tat')
    if not lim[1] then return many end
    local us, step = now * 1000000, lim[2] / lim[1]
    local tat = math.max(tonumber(lim[4] or 0), us)
    local room = math.max(math.floor((us - tat) / step + lim[3]), 0)
    if room < many then
      local next_at = tat + (room - lim[3] + 1) * step - us
      if wait < 0 or next_at < wait then wait = next_at end
      many = room
    end
    if many > 0 then call('HSET', key, 'tat', string.format('%.0f', tat + many * step)) end
    return many
  end

  -- An id can stand in a list twice (stock clients), or outlive its job: only a job that is queued is started.
  local function waits(status)
    return status == 'queued' or status == 'created' or not status
  end

  -- Limits by key (a pair, a number, a tenant): a job over its key's rate gets the key's next free moment, waits for it
  -- in the scheduler's set, and is not asked again. No slot is held, and nothing of other keys waits.
  local rules = {}
  local function turn(id, queue, limit, slot)
    local name, key = string.match(limit, '^([^:]+):(.+)$')
    if not name or slot then return true end
    if rules[name] == nil then rules[name] = call('HMGET', 'rq:limit-keys:' .. name, 'n', 'us', 'burst') end
    local rule = rules[name]
    if not rule[1] then return true end
    local state, us, step = 'rq:limit-key:' .. limit, now * 1000000, rule[2] / rule[1]
    local tat = math.max(tonumber(call('GET', state) or 0), us)
    local at = tat - (rule[3] - 1) * step
    call('SET', state, string.format('%.0f', tat + step), 'PX', string.format('%.0f', (tat + step - us) / 1000 + 1000))
    if at <= us then return true end
    call('HSET', 'rq:job:' .. id, 'slot', string.format('%.3f', at / 1000000))
    q_schedule(id, queue, string.format('%.3f', at / 1000000))
    return false
  end

  local function start(queue, id)
    local job = 'rq:job:' .. id
    local f = call('HMGET', job, 'data', 'timeout', 'result_ttl', 'failure_ttl', 'retries_left', 'number_of_retries',
      'lane', 'enqueued_at', 'status', 'ttl', 'doomed', 'limit', 'slot', 'backoff', 'keep_completed', 'keep_failed',
      'expires')
    if not f[1] or not waits(f[9]) then return false end
    local old = f[17] and f[6] == '0' and tonumber(f[17]) < now -- what has begun once is not too old
    if f[12] and not old then
      if not turn(id, queue, f[12], f[13]) then return false end
      if f[13] then call('HDEL', job, 'slot') end
    end
    n = n + 1
    local execution = prefix .. n
    local key = id .. ':' .. execution
    call('HSET', job, 'status', 'started', 'started_at', iso, 'last_heartbeat', iso, 'worker_name', worker,
      'execution', execution)
    if f[10] then call('PERSIST', job) end
    call('HSET', 'rq:execution:' .. key, 'id', execution, 'job_id', id, 'created_at', stamp, 'last_heartbeat', stamp,
      'worker_name', worker)
    call('EXPIRE', 'rq:execution:' .. key, ttl)
    call('ZADD', 'rq:executions:' .. id, score, execution)
    call('EXPIRE', 'rq:executions:' .. id, ttl)
    out[#out + 1] = {queue, id, execution, f[1], f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[11], f[14], f[15], f[16],
      old and '1', not old and briefing(f[1])}
    mine[#mine + 1] = key
    return key
  end

  -- The next ids, at most `many`, of the first list that has any.
  local function pop(lists, many)
    while lists[1] do
      local ids = call('LPOP', lists[1], many)
      if ids and #ids > 0 then return ids end
      table.remove(lists, 1)
    end
    return {}
  end

  local function take(queue)
    local lists = q_lists(queue)
    local many = math.min(k - n, waiting(queue, lists))
    if many > 0 and call('SISMEMBER', 'rq:paused-queues', queue) == 0 then
      many = allowed(queue, many)
      local leases, looks = {}, 0
      while many > 0 and looks < LOOKS do
        local ids = pop(lists, math.min(many, LOOKS - looks))
        if #ids == 0 then break end
        looks = looks + #ids
        for _, id in ipairs(ids) do
          local key = start(queue, id)
          if key then
            many = many - 1
            leases[#leases + 1] = score
            leases[#leases + 1] = key
          end
        end
      end
      if #leases > 0 then call('ZADD', 'rq:wip:' .. queue, unpack(leases)) end
      -- one token at a time: whoever takes a full batch, or stops looking, passes it on
      if (n == k or looks == LOOKS) and waiting(queue, lists) > 0 then q_wake(queue) end
    end
  end

  for _, queue in ipairs(queues) do
    if n < k then take(queue) end
  end
  if n > 0 then
    local key = 'rq:worker:' .. worker .. ':executions'
    call('SADD', key, unpack(mine))
    call('EXPIRE', key, ttl)
  end
  out[1] = string.format('%.0f', wait)
  return out
end
