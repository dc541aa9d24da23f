-- One run of a repeatable job: queued, counted, and its next time set, in one step. The time it was seen with is the
-- fence: of two schedulers one makes the tick. (lib: common.queueing:lib)
-- ARGV: repeat id, score it was seen with ('' for a run a person asked for), next time, history entry, missed runs,
--   now, then as enqueue: job id, queue, lane, iso now, due, field, value, ...
-- Returns as q_enqueue, or -1 when another scheduler was first or the repeat is gone
local id, seen = ARGV[1], ARGV[2]
local key = 'rq:repeat:' .. id
if call('EXISTS', key) == 0 then
  call('ZREM', 'rq:repeats', id)
  return -1
end
if seen ~= '' then
  local score = call('ZSCORE', 'rq:repeats', id)
  if not score or tonumber(score) ~= tonumber(seen) then return -1 end
  call('ZADD', 'rq:repeats', ARGV[3], id)
end
local done = q_enqueue(ARGV[7], ARGV[8], ARGV[9], ARGV[10], ARGV[11], {unpack(ARGV, 12)})
if done > 0 then
  call('HSET', key, 'last', ARGV[6], 'last_job', ARGV[7])
  call('HINCRBY', key, 'runs', 1)
  call('HINCRBY', key, 'missed', ARGV[5])
  call('LPUSH', key .. ':history', ARGV[4])
  call('LTRIM', key .. ':history', 0, 49)
end
return done
