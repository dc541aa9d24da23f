-- A customer who waits for a person is told so once, and after long enough is the bot's again.
-- ARGV: 1 tenant  2 cid  3 now  4 iso  5 day  6 ttl s  7 remind after s  8 back after s (0: never)
--       9 mid of the bubble  10 text of the reminder  11 its body (sealed)  12 text of the apology  13 its body (sealed)
--       14 job id  15 queue  16.. job fields and values of the bubble's job
-- Returns '', 'reminded' or 'back'.
local t, cid, now = ARGV[1], ARGV[2], tonumber(ARGV[3])
local ck = K.conversation(t, cid)
local held = redis.call('HMGET', ck, 'owner', 'since', 'reminded', 'window_until', 'contact')
if held[1] ~= 'waiting' or now > tonumber(held[4] or 0) - 60 then return '' end
if redis.call('HGET', K.contact(t, held[5] or ''), 'opted_out') then return '' end
local waited = now - tonumber(held[2])
local what, text, body, need
if tonumber(ARGV[8]) > 0 and waited > tonumber(ARGV[8]) then
  what, text, body, need = 'back', ARGV[12], ARGV[13], 'bot'
  set_owner(t, cid, 'bot', ARGV[3], '', '')
elseif waited > tonumber(ARGV[7]) and held[3] ~= held[2] then
  what, text, body, need = 'reminded', ARGV[10], ARGV[11], 'waiting'
  redis.call('HSET', ck, 'reminded', held[2])
else
  return ''
end
local mid = ARGV[9]
redis.call('HSET', K.message(t, mid), 'dir', 'out', 'conv', cid, 'by', 'bot', 'kind', 'text', 'text', text, 'body', body,
  'need', need, 'state', 'intent', 'at', ARGV[3], 'job', ARGV[14], 'attempts', 0)
redis.call('EXPIRE', K.message(t, mid), ARGV[6])
append(t, cid, mid)
redis.call('HSET', ck, 'preview', text, 'preview_kind', 'text', 'preview_dir', 'out')
touch(t, cid, ARGV[3])
count(t, ARGV[5], what)
q_enqueue(ARGV[14], ARGV[15], 'out:' .. t .. ':' .. cid, ARGV[4], '', slice(ARGV, 16, #ARGV - 15))
return what
