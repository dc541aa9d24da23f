-- A conversation with unanswered messages and nothing at work on them gets its promise back.
-- ARGV: 1 tenant  2 cid  3 now  4 iso  5 day  6 queue  7.. job fields and values with %MID% for the message
-- Returns '' when all is well, 'requeued' (a job was missing), 'dead' (its job had failed: a person gets the chat).
local t, cid, now, iso = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local mid = redis.call('LINDEX', K.unanswered(t, cid), 0)
if not mid then
  redis.call('ZREM', K.index(t, 'open'), cid)
  return ''
end
redis.call('ZADD', K.index(t, 'open'), now, cid) -- looked at; again in a while
local mk = K.message(t, mid)
local job = redis.call('HGET', mk, 'job')
if not job then
  dealt_with(t, cid, mid) -- the message itself has expired
  return ''
end
local status = redis.call('HGET', 'rq:job:' .. job, 'status')
if status == 'queued' or status == 'started' or status == 'scheduled' or status == 'deferred' then return '' end
if status == 'failed' or status == 'stopped' or status == 'canceled' then
  dealt_with(t, cid, mid)
  redis.call('HSET', mk, 'state', 'dead')
  hand_over(t, cid, now, ARGV[5], 'its job had failed and nobody was told')
  count(t, ARGV[5], 'repaired')
  return 'dead'
end
local id = 'wa-' .. string.sub(mid, 3) .. '-' .. string.sub(iso, 1, 19):gsub('[^0-9]', '')
local fields = slice(ARGV, 7, #ARGV - 6)
for i = 2, #fields, 2 do
  fields[i] = string.gsub(fields[i], '%%MID%%', mid)
end
redis.call('HSET', mk, 'job', id)
q_enqueue(id, ARGV[6], t .. ':' .. cid, iso, '', fields)
count(t, ARGV[5], 'repaired')
return 'requeued'
