-- Writes what a turn decided, before anything of it is sent: the turn, its bubbles as intents, the redacted texts.
-- Safe to repeat: a turn that stands already keeps its bubbles. Fenced by the job's lease.
-- ARGV: 1 tenant  2 cid  3 turn id  4 now  5 day  6 ttl s  7 queue  8 job  9 execution  10 hand-over reason or ''
--       11 n fields  12 n texts  13 n parts  14 joins (1: rather take in what the customer wrote meanwhile)  then n field, value of the turn; n mid, redacted text;
--       n mid, kind, text, body (sealed), need
-- Returns 'ok', or with nothing written: 'fenced', 'taken' (the chat is no longer the bot's), 'more' (messages to join).
local t, cid, turn_id, now, day, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not leased(ARGV[7], ARGV[8], ARGV[9]) then return 'fenced' end
local tk, ck = K.turn(t, turn_id), K.conversation(t, cid)
if redis.call('EXISTS', tk) == 1 then return 'ok' end
local n_texts, n_parts, owner = tonumber(ARGV[12]), tonumber(ARGV[13]), redis.call('HGET', ck, 'owner')
if n_parts > 0 and owner ~= 'bot' then return 'taken' end
if ARGV[14] == '1' and redis.call('LLEN', K.unanswered(t, cid)) > n_texts then return 'more' end
local at = 15
redis.call('HSET', tk, 'conv', cid, 'job', ARGV[8], 'state', 'open', 'at', now, unpack(slice(ARGV, at, 2 * ARGV[11])))
redis.call('EXPIRE', tk, 2592000)
at = at + 2 * ARGV[11]
for i = at, at + 2 * n_texts - 1, 2 do
  local mk = K.message(t, ARGV[i])
  if redis.call('EXISTS', mk) == 1 then redis.call('HSET', mk, 'text', ARGV[i + 1], 'turn', turn_id) end
end
at = at + 2 * n_texts
local shown = {}
if n_texts > 0 then shown = { 'preview', ARGV[at - 1], 'preview_dir', 'in' } end
for i = at, at + 5 * n_parts - 1, 5 do
  local mk = K.message(t, ARGV[i])
  redis.call('HSET', mk, 'dir', 'out', 'conv', cid, 'by', 'bot', 'kind', ARGV[i + 1], 'text', ARGV[i + 2], 'body', ARGV[i + 3],
    'need', ARGV[i + 4], 'state', 'intent', 'at', now, 'turn', turn_id, 'job', ARGV[8], 'attempts', 0)
  redis.call('EXPIRE', mk, ttl)
  append(t, cid, ARGV[i])
  shown = { 'preview', ARGV[i + 2], 'preview_kind', ARGV[i + 1], 'preview_dir', 'out' }
end
if owner then
  if #shown > 0 then redis.call('HSET', ck, unpack(shown)) end
  redis.call('HINCRBY', ck, 'v', 1)
end
if ARGV[10] ~= '' then hand_over(t, cid, now, day, ARGV[10]) end
return 'ok'
