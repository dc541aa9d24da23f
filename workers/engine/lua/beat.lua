-- A worker's sign of life: renews its key and the leases of what it runs. (lib: common.queueing:lib)
-- ARGV: worker, lease + margin in s, iso, state, worker key's ttl in s, then queue, id, execution, ...
-- Returns {1 when the worker's key is there, else 0 (it must register again), index of a lost lease, ...}
local worker, ttl, now = 'rq:worker:' .. ARGV[1], tonumber(ARGV[2]), q_now()
local stamp, out = string.format('%.6f', now), {call('HEXISTS', worker, 'birth')}
call('EXPIRE', worker, ARGV[5]) -- first: takes no memory, so that the leases are renewed when Redis is full
if out[1] == 1 then
  call('HSET', worker, 'last_heartbeat', ARGV[3], 'state', ARGV[4])
  call('EXPIRE', worker .. ':executions', ARGV[5])
end
for i = 6, #ARGV, 3 do
  local id, execution, wip = ARGV[i + 1], ARGV[i + 2], 'rq:wip:' .. ARGV[i]
  local key = id .. ':' .. execution
  if call('ZSCORE', wip, key) then
    call('ZADD', wip, 'XX', now + ttl, key)
    call('HSET', 'rq:execution:' .. key, 'last_heartbeat', stamp)
    call('EXPIRE', 'rq:execution:' .. key, ttl)
    call('ZADD', 'rq:executions:' .. id, 'XX', now + ttl, execution)
    call('EXPIRE', 'rq:executions:' .. id, ttl)
  else
    out[#out + 1] = (i - 6) / 3
  end
end
return out
