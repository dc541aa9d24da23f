-- Stores one inbound message and enqueues its job: all or nothing, once per wamid.
-- ARGV: 1 tenant  2 now  3 now iso  4 day  5 ttl s  6 mid  7 kind  8 sent_at  9 phone_number_id  10 raw (sealed)
--       11 candidate contact id  12 who (sealed)  13 label  14 tail  15 opens window (1|0)  16 refers (digest or '')
--       17 new session id  18 quiet s  19 job id  20 queue  21 wish of its words (out | in | '')
--       22 reason of a chat that was left alone because its customer had opted out
--       23 number of aliases  aliases...  job fields and values...
-- Returns 0 when the wamid was stored before, else what q_enqueue says (1 queued, 2 deferred, 3 scheduled).
local CLOCKS_AGREE = 60 -- seconds
local t, now, iso, day, ttl, mid = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
local kind, sent_at, pnid, n = ARGV[7], ARGV[8], ARGV[9], tonumber(ARGV[23])
local mk = K.message(t, mid)
local held = redis.call('HMGET', mk, 'conv', 'received')
if held[1] then
  if held[2] ~= now then count(t, day, 'duplicates') end -- else this very call is made again
  return 0
end
local aliases = slice(ARGV, 24, n)
local contact = contact_of(t, aliases, ARGV[11], ttl)
local cid = pnid .. '.' .. contact
redis.call('HSET', K.contact(t, contact), 'who', ARGV[12], 'label', ARGV[13], 'tail', ARGV[14])
local ck, owner, window_until = ensure(t, cid, pnid, contact, now, day, ttl, aliases)

redis.call('HSET', mk, 'dir', 'in', 'conv', cid, 'kind', kind, 'at', sent_at, 'received', now,
  'raw', ARGV[10], 'state', 'new', 'refers', ARGV[16], 'job', ARGV[19])
redis.call('EXPIRE', mk, ttl)
if append(t, cid, mid) == 1 then redis.call('EXPIRE', K.transcript(t, cid), ttl) end
if redis.call('RPUSH', K.unanswered(t, cid), mid) == 1 then redis.call('EXPIRE', K.unanswered(t, cid), ttl) end
redis.call('ZADD', K.index(t, 'open'), 'NX', now, cid)

if owner == 'closed' then
  set_owner(t, cid, 'bot', now, '', '')
  owner = 'bot'
end
if ARGV[21] ~= '' then
  local key = K.contact(t, contact)
  local was_out = redis.call('HGET', key, 'opted_out')
  if (ARGV[21] == 'out' or was_out) and opt(t, contact, 'opted', ARGV[21] == 'out', sent_at, 'the customer') == 1 then
    redis.call('HSET', mk, 'wish', was_out and ARGV[21] == 'out' and 'still' or ARGV[21])
    count(t, day, ARGV[21] == 'out' and 'opted_out' or 'opted_in')
    for _, alias in ipairs(aliases) do redis.call('EXPIRE', K.alias(t, alias), contact_ttl(t, contact, ttl)) end
    if ARGV[21] == 'in' and owner == 'waiting' and redis.call('HGET', ck, 'reason') == ARGV[22] then
      set_owner(t, cid, 'bot', now, '', '')
      owner = 'bot'
    end
  end
end
local shown = { 'label', ARGV[13], 'tail', ARGV[14], 'preview', '', 'preview_kind', kind, 'preview_dir', 'in' }
if ARGV[15] == '1' then
  redis.call('HINCRBY', ck, 'unread', 1)
  redis.call('ZADD', K.index(t, 'unread'), now, cid)
  local window = tonumber(sent_at) + 86400
  if window > window_until then
    for _, value in ipairs({ 'window_until', window, 'last_in_at', sent_at }) do shown[#shown + 1] = value end
  end
end
touch(t, cid, now, owner, shown)
local sk = K.session(t, cid)
if redis.call('EXISTS', sk) == 0 then redis.call('HSET', sk, 'id', ARGV[17], 'started', now) end
redis.call('EXPIRE', sk, SESSION_TTL)
count(t, day, 'inbound')

-- A burst waits until nobody has written for `quiet` seconds, at most 4 times that. The clock of Redis moves delayed
-- jobs; a web process whose clock is far from it is not believed.
local quiet, lane, due, moment = tonumber(ARGV[18]), t .. ':' .. cid, '', tonumber(now)
if math.abs(moment - q_now()) > CLOCKS_AGREE then moment = q_now() end
if quiet > 0 and owner == 'bot' then
  local head = q_lane_head(lane)
  if not head then
    due = string.format('%.3f', moment + quiet)
  else
    local since = redis.call('HGET', 'rq:job:' .. head, 'burst_since')
    if since and not redis.call('HGET', 'rq:job:' .. head, 'started_at') then
      q_postpone(head, string.format('%.3f', math.min(moment + quiet, tonumber(since) + 4 * quiet)))
    end
  end
end
local fields = slice(ARGV, 24 + n, #ARGV - 23 - n)
if due ~= '' then
  fields[#fields + 1] = 'burst_since'
  fields[#fields + 1] = string.format('%.3f', moment)
end
return q_enqueue(ARGV[19], ARGV[20], lane, iso, due, fields)
