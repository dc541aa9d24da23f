-- Record the endings of one moment, and take new jobs in their place. The lease in rq:wip is the fence: a run that lost
-- it records nothing, and saying the same ending twice (a lost reply) does nothing.
-- (lib: common.queueing:lib, workers.engine:briefing, claiming)
-- ARGV: worker, keep finished, keep failed, n of endings, n of queues to take jobs from; when there are any: most to
--   take, lease + margin in s, iso now, prefix of execution ids, queue, ...; then 14 per ending:
--   queue, id, execution, kind, ttl in s, epoch, iso, started (epoch), lane, payload, due, error (one line),
--   keep ('' or how many ended jobs of this kind its queue keeps from now on, if fewer), n of last words;
--   then the last words of all endings: name of a part, n of arguments, argument, ...
--   ok      payload: result, JSON, or ''. It goes into the job's hash: a stream would cost ten times the job
--   failed, stopped   payload: traceback, base64 zlib
--   retry   as failed, and due: the job waits until then, one attempt is spent
--   later   due, error: why; no attempt is spent
--   back    to the front of its queue, as if it had not been taken
-- Last words are what the job itself has to write at its end. They are said first, of a run that lost its lease, too:
-- each knows itself what it may still do. An ending whose words cannot be said is not recorded.
-- Returns {lanes that moved, {index of an ending that is not recorded, why, ...}, what `claim` answers or false}
local STRIDE, worker = 14, ARGV[1]
local EVENT = {ok = 'completed', failed = 'failed', stopped = 'stopped', retry = 'retried', later = 'delayed'}
local moved, bad, good, ill, seconds, mine, totals = 0, {}, 0, 0, 0, {}, {}
local keep = {finished = {}, failed = {}} -- by queue
local over, closed, gone = {}, {}, {} -- ended jobs by registry, leases by queue, keys: each written once, at the end

local function put(lists, name, ...)
  local list = lists[name] or {}
  for _, value in ipairs({...}) do list[#list + 1] = value end
  lists[name] = list
end

local function count(queue, what)
  local t = totals[queue] or {}
  t[what] = (t[what] or 0) + 1
  totals[queue] = t
end

local function bound(what, e)
  if e.keep ~= '' then keep[what][e.queue] = math.min(tonumber(e.keep), keep[what][e.queue] or 1e9) end
end

local function record(e, kind)
  local results = 'rq:results:' .. e.id
  local x = {'type', kind, 'worker_name', worker, 'execution_id', e.execution, 'execution_started_at', e.started,
    'execution_ended_at', e.at}
  if e.payload ~= '' then
    x[#x + 1] = 'exc_string'
    x[#x + 1] = e.payload
  end
  if e.error ~= '' then
    x[#x + 1] = 'error'
    x[#x + 1] = e.error
  end
  call('XADD', results, 'MAXLEN', 5, '*', unpack(x))
end

local function expire(e, registry, traces)
  local ttl = tonumber(e.ttl)
  if ttl < 0 then
    call('PERSIST', 'rq:results:' .. e.id)
    put(over, registry, '+inf', e.id)
  else
    call('EXPIRE', 'rq:job:' .. e.id, ttl)
    if traces then
      call('EXPIRE', 'rq:results:' .. e.id, ttl)
      call('EXPIRE', 'rq:log:' .. e.id, ttl)
    end
    put(over, registry, e.now + ttl, e.id)
  end
end

-- Most jobs end well at once: they have neither results of earlier runs nor a log, and none waits for them.
local function plain(id)
  return call('EXISTS', 'rq:results:' .. id, 'rq:log:' .. id, 'rq:job:' .. id .. ':dependents') == 0
end

local ending = {}

function ending.ok(e)
  local job, traces = 'rq:job:' .. e.id, not plain(e.id)
  good = good + 1
  count(e.queue, 'finished')
  if e.ttl == '0' then
    call('DEL', job, 'rq:results:' .. e.id, 'rq:log:' .. e.id)
  else
    if e.payload == '' then
      call('HSET', job, 'status', 'finished', 'ended_at', e.iso)
    else
      call('HSET', job, 'status', 'finished', 'ended_at', e.iso, 'result', e.payload)
    end
    expire(e, 'rq:finished:' .. e.queue, traces)
    bound('finished', e)
  end
  if e.lane ~= '' then moved = moved + q_advance(e.lane, e.id, e.iso) end
  if traces then q_resolve(e.id, true, e.iso) end
end

function ending.failed(e)
  ill = ill + 1
  count(e.queue, 'failed')
  call('HSET', 'rq:job:' .. e.id, 'status', e.kind, 'ended_at', e.iso, 'error', e.error)
  record(e, e.kind == 'stopped' and 3 or 2)
  expire(e, 'rq:failed:' .. e.queue, true)
  bound('failed', e)
  if e.lane ~= '' then moved = moved + q_advance(e.lane, e.id, e.iso) end
  q_resolve(e.id, false, e.iso)
end
ending.stopped = ending.failed

function ending.retry(e)
  ill = ill + 1
  count(e.queue, 'retried')
  local job = 'rq:job:' .. e.id
  call('HSET', job, 'ended_at', e.iso, 'error', e.error)
  call('HINCRBY', job, 'retries_left', -1)
  call('HINCRBY', job, 'number_of_retries', 1)
  record(e, 4)
  call('EXPIRE', 'rq:results:' .. e.id, 604800)
  q_schedule(e.id, e.queue, e.due)
end

function ending.later(e)
  count(e.queue, 'later')
  call('HSET', 'rq:job:' .. e.id, 'why', e.error)
  q_schedule(e.id, e.queue, e.due)
end

function ending.back(e)
  q_push(e.id, e.queue, e.iso, true)
end

local function one(e)
  seconds = seconds + e.now - e.started
  ending[e.kind](e)
  if EVENT[e.kind] then q_event(e.queue, EVENT[e.kind], e.id, e.error) end
  put(closed, e.queue, e.key) -- last: an ending that breaks keeps its lease, and is reaped
end

-- The oldest beyond the bound leave with their hashes, a bounded number at a time.
local function trim(registry, most, wanted)
  local over = call('ZCARD', registry) - math.min(tonumber(most), wanted or 1e9)
  if over <= 0 then return end
  local ids, keys = call('ZRANGE', registry, 0, math.min(over, 100) - 1), {}
  for _, id in ipairs(ids) do
    local status = call('HGET', 'rq:job:' .. id, 'status')
    if status == 'finished' or status == 'failed' or status == 'stopped' then
      keys[#keys + 1] = 'rq:job:' .. id
      keys[#keys + 1] = 'rq:results:' .. id
      keys[#keys + 1] = 'rq:log:' .. id
    end
  end
  if #keys > 0 then call('DEL', unpack(keys)) end
  call('ZREM', registry, unpack(ids))
end

local function read(i, index)
  local id, execution = ARGV[i + 1], ARGV[i + 2]
  return {index = index, words = tonumber(ARGV[i + 13]), queue = ARGV[i], id = id, execution = execution, kind = ARGV[i + 3], ttl = ARGV[i + 4], at = ARGV[i + 5],
    now = tonumber(ARGV[i + 5]), iso = ARGV[i + 6], started = ARGV[i + 7], lane = ARGV[i + 8], payload = ARGV[i + 9],
    due = ARGV[i + 10], error = ARGV[i + 11], keep = ARGV[i + 12], key = id .. ':' .. execution}
end

-- Those whose lease is still ours, in the order of the call. Of a run that lost it only its own traces go.
local function fenced(rows, keys)
  local leases, turn, live = {}, {}, {}
  for queue, list in pairs(keys) do leases[queue], turn[queue] = call('ZMSCORE', 'rq:wip:' .. queue, unpack(list)), 0 end
  for _, e in ipairs(rows) do
    turn[e.queue] = turn[e.queue] + 1
    gone[#gone + 1] = 'rq:execution:' .. e.key
    if leases[e.queue][turn[e.queue]] then
      live[#live + 1] = e
      gone[#gone + 1] = 'rq:executions:' .. e.id
    else
      call('ZREM', 'rq:executions:' .. e.id, e.execution)
    end
  end
  return live
end

-- The last words of `e` begin at ARGV[at]; returns where the next ones do.
local function listen(e, at)
  local words = {}
  for w = 1, e.words do
    local n = tonumber(ARGV[at + 1])
    words[w] = {name = ARGV[at], args = {unpack(ARGV, at + 2, at + 1 + n)}}
    at = at + 2 + n
  end
  e.words = words
  return at
end

local function say(e)
  for _, word in ipairs(e.words) do PART[word.name](word.args) end
end

local function attempt(what, e)
  local ok, err = pcall(what, e)
  if not ok then
    bad[#bad + 1] = e.index
    bad[#bad + 1] = e.id .. ': ' .. tostring(type(err) == 'table' and err.err or err)
  end
  return ok
end

local rows, keys, n, queues = {}, {}, tonumber(ARGV[4]), tonumber(ARGV[5])
local first = queues > 0 and 10 + queues or 6
for i = 1, n do
  local e = read(first + (i - 1) * STRIDE, i - 1)
  rows[i], mine[i] = e, e.key
  put(keys, e.queue, e.key)
end
local at = first + n * STRIDE
for _, e in ipairs(rows) do at = listen(e, at) end
call('SREM', 'rq:worker:' .. worker .. ':executions', unpack(mine)) -- first: frees memory, so it passes when full
local live, said = fenced(rows, keys), {}
call('DEL', unpack(gone))
for _, e in ipairs(rows) do said[e] = attempt(say, e) end
for _, e in ipairs(live) do
  if said[e] then attempt(one, e) end
end
local freed_in = q_flush(queues > 0)
for registry, jobs in pairs(over) do call('ZADD', registry, unpack(jobs)) end
for queue, leases in pairs(closed) do call('ZREM', 'rq:wip:' .. queue, unpack(leases)) end
for queue, counts in pairs(totals) do
  for what, n in pairs(counts) do call('HINCRBY', 'rq:totals:' .. queue, what, n) end
  if counts.finished then trim('rq:finished:' .. queue, ARGV[2], keep.finished[queue]) end
  if counts.failed then trim('rq:failed:' .. queue, ARGV[3], keep.failed[queue]) end
end
local key = 'rq:worker:' .. worker
if call('EXISTS', key) == 1 then
  if good > 0 then call('HINCRBY', key, 'successful_job_count', good) end
  if ill > 0 then call('HINCRBY', key, 'failed_job_count', ill) end
  call('HINCRBYFLOAT', key, 'total_working_time', string.format('%.6f', seconds))
end
if queues == 0 then return {moved, bad, false} end
local claimed = claim(tonumber(ARGV[6]), worker, tonumber(ARGV[7]), ARGV[8], ARGV[9], {unpack(ARGV, 10, 9 + queues)})
for queue in pairs(freed_in) do -- what was set free and not taken is for others
  if waiting(queue, q_lists(queue)) > 0 then q_wake(queue) end
end
return {moved, bad, claimed}
