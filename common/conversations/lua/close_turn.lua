-- Ends a turn: its messages are dealt with, the session learns what was said. Safe to repeat; fenced by the job's lease.
-- ARGV: 1 tenant  2 cid  3 turn id  4 now  5 day  6 queue  7 job  8 execution  9 outcome  10 reason  11 message state
--       12 history (JSON or '' to leave it)  13 misses  14 lang  15 n  then n mid, redacted text
-- Returns 'ok' or 'fenced'.
local t, cid, turn_id, now, day = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not leased(ARGV[6], ARGV[7], ARGV[8]) then return 'fenced' end
local outcome, tk, ck = ARGV[9], K.turn(t, turn_id), K.conversation(t, cid)
local before, text = redis.call('HGET', tk, 'state'), ''
redis.call('HSET', tk, 'state', 'done', 'outcome', outcome, 'reason', ARGV[10], 'done_at', now, 'conv', cid, 'job', ARGV[7])
if not before then redis.call('EXPIRE', tk, 2592000) end -- else it has a date
redis.call('HDEL', tk, 'history') -- only an open turn needs it, and it is the largest of its fields
for i = 16, 15 + 2 * ARGV[15], 2 do
  local mk = K.message(t, ARGV[i])
  dealt_with(t, cid, ARGV[i])
  if redis.call('EXISTS', mk) == 1 then redis.call('HSET', mk, 'state', ARGV[11], 'turn', turn_id, 'text', ARGV[i + 1]) end
  text = ARGV[i + 1]
end
local sk = K.session(t, cid)
if redis.call('EXISTS', sk) == 1 then
  local learnt = { 'misses', ARGV[13], 'lang', ARGV[14] }
  if ARGV[12] ~= '' then learnt[5], learnt[6] = 'history', ARGV[12] end
  redis.call('HSET', sk, unpack(learnt))
end
if outcome == 'left_to_person' then hand_over(t, cid, now, day, ARGV[10]) end
local conv, shown = redis.call('HMGET', ck, 'owner', 'preview_dir'), {}
if conv[1] and outcome == 'answered' then -- nobody needs to read it
  shown = { 'unread', 0 }
  redis.call('ZREM', K.index(t, 'unread'), cid)
end
if conv[2] == 'in' and tonumber(ARGV[15]) > 0 then
  shown[#shown + 1] = 'preview'
  shown[#shown + 1] = text
end
touch(t, cid, now, conv[1], shown)
if before ~= 'done' then count(t, day, outcome) end
return 'ok'
