-- A person's answer: an intent in the transcript and the job that sends it, together.
-- ARGV: 1 tenant  2 cid  3 mid  4 now  5 iso  6 day  7 ttl s  8 actor  9 text (redacted)  10 body (sealed)
--       11 job id  12 queue  13.. job fields and values
-- Returns 'ok', 'gone', who owns the chat (bot|waiting|closed), 'agent:<name>' of another agent, or 'window' (24 h over).
local t, cid, mid, now = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local ck = K.conversation(t, cid)
local held = redis.call('HMGET', ck, 'owner', 'window_until', 'agent')
if not held[1] then return 'gone' end
if held[1] ~= 'human' then return held[1] end
if held[3] ~= ARGV[8] and held[3] ~= 'WhatsApp app' then return 'agent:' .. (held[3] or '') end
if tonumber(now) > tonumber(held[2] or 0) - 60 then return 'window' end
local mk = K.message(t, mid)
if redis.call('EXISTS', mk) == 1 then return 'ok' end -- asked twice: a connection was lost on the way back
redis.call('HSET', mk, 'dir', 'out', 'conv', cid, 'by', 'human', 'actor', ARGV[8], 'kind', 'text', 'text', ARGV[9], 'body', ARGV[10],
  'need', '', 'state', 'intent', 'at', now, 'job', ARGV[11], 'attempts', 0)
redis.call('EXPIRE', mk, ARGV[7])
append(t, cid, mid)
redis.call('HSET', ck, 'preview', ARGV[9], 'preview_kind', 'text', 'preview_dir', 'out')
touch(t, cid, now)
read_by_desk(t, cid)
count(t, ARGV[6], 'human_replies')
q_enqueue(ARGV[11], ARGV[12], 'out:' .. t .. ':' .. cid, ARGV[5], '', slice(ARGV, 13, #ARGV - 12))
return 'ok'
