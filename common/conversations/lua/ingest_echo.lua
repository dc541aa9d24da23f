-- Stores a message that a person of the business sent from the WhatsApp app: that person owns the chat from now on.
-- ARGV: 1 tenant  2 now  3 day  4 ttl s  5 mid  6 wamid (sealed)  7 wamid digest  8 kind  9 sent_at  10 phone_number_id
--       11 body (sealed)  12 text (redacted)  13 candidate contact id  14 who (sealed)  15 tail  16.. aliases
-- Returns 1, or 0 when it was stored before.
local t, now, day, ttl, mid = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local mk = K.message(t, mid)
if redis.call('EXISTS', mk) == 1 or redis.call('EXISTS', K.wamid(t, ARGV[7])) == 1 then
  count(t, day, 'duplicates')
  return 0
end
local aliases = slice(ARGV, 16, #ARGV - 15)
local contact = contact_of(t, aliases, ARGV[13], ttl)
local cid = ARGV[10] .. '.' .. contact
local new = redis.call('HSETNX', K.contact(t, contact), 'who', ARGV[14]) == 1
local ck = ensure(t, cid, ARGV[10], contact, now, day, ttl, aliases)
if new then
  redis.call('HSET', K.contact(t, contact), 'tail', ARGV[15])
  redis.call('HSET', ck, 'tail', ARGV[15])
end
redis.call('HSET', mk, 'dir', 'out', 'conv', cid, 'kind', ARGV[8], 'at', ARGV[9], 'by', 'app', 'wamid', ARGV[6],
  'body', ARGV[11], 'text', ARGV[12], 'state', 'sent', 'sent_at', ARGV[9])
redis.call('EXPIRE', mk, ttl)
redis.call('SET', K.wamid(t, ARGV[7]), mid, 'EX', ttl)
if append(t, cid, mid) == 1 then redis.call('EXPIRE', K.transcript(t, cid), ttl) end
redis.call('HSET', ck, 'preview', ARGV[12], 'preview_kind', ARGV[8], 'preview_dir', 'out')
set_owner(t, cid, 'human', now, 'answered from the WhatsApp app', 'WhatsApp app')
touch(t, cid, now)
read_by_desk(t, cid)
count(t, day, 'echoes')
return 1
