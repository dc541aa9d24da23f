-- Ends a turn: its messages are dealt with, the session learns what was said. Safe to repeat; fenced by the job's lease.
-- ARGV: 1 tenant  2 cid  3 turn id  4 now  5 day  6 queue  7 job  8 execution  9 outcome  10 reason  11 message state
--       12 history (JSON or '' to leave it)  13 misses  14 lang  15 n  then n mid, redacted text
-- Returns 'ok' or 'fenced'.
local t, cid, turn_id, now, day = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not leased(ARGV[6], ARGV[7], ARGV[8]) then return 'fenced' end
local outcome, tk, ck = ARGV[9], K.turn(t, turn_id), K.conversation(t, cid)
local first = redis.call('HGET', tk, 'state') ~= 'done'
redis.call('HSET', tk, 'state', 'done', 'outcome', outcome, 'reason', ARGV[10], 'done_at', now, 'conv', cid, 'job', ARGV[7])
redis.call('EXPIRE', tk, 2592000)
redis.call('HDEL', tk, 'history') -- only an open turn needs it, and it is the largest of its fields
for i = 16, 15 + 2 * ARGV[15], 2 do
  local mk = K.message(t, ARGV[i])
  dealt_with(t, cid, ARGV[i])
  if redis.call('EXISTS', mk) == 1 then redis.call('HSET', mk, 'state', ARGV[11], 'turn', turn_id, 'text', ARGV[i + 1]) end
  if redis.call('HGET', ck, 'preview_dir') == 'in' then redis.call('HSET', ck, 'preview', ARGV[i + 1]) end
end
local sk = K.session(t, cid)
if redis.call('EXISTS', sk) == 1 then
  if ARGV[12] ~= '' then redis.call('HSET', sk, 'history', ARGV[12]) end
  redis.call('HSET', sk, 'misses', ARGV[13], 'lang', ARGV[14])
end
if outcome == 'answered' then read_by_desk(t, cid) end
if outcome == 'left_to_person' then hand_over(t, cid, now, day, ARGV[10]) end
touch(t, cid, now)
if first then count(t, day, outcome) end
return 'ok'
