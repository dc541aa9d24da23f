-- All that a turn needs, in one read. Changes nothing.
-- ARGV: 1 tenant  2 mid of the job's message  3 single (1: the turn is this message alone)
-- Returns {} when the message is gone, else
--   {cid, state of mid, turn of mid, {owner, phone_number_id, contact, window_until},
--    {session id, history, misses, lang}, who (sealed), turn id, {turn state, outcome, parts, history, messages, reason} or {},
--    { {mid, kind, at, received, raw, refers}, ... }}: the messages of the turn, oldest first.
local t, mid = ARGV[1], ARGV[2]
local own = redis.call('HMGET', K.message(t, mid), 'conv', 'state', 'turn')
local cid = own[1]
if not cid then return {} end
local conv = redis.call('HMGET', K.conversation(t, cid), 'owner', 'phone_number_id', 'contact', 'window_until')
local mids = { mid }
if ARGV[3] ~= '1' then
  local open = redis.call('LRANGE', K.unanswered(t, cid), 0, 99)
  if #open > 0 then mids = open end
end
local turn_id = 't-' .. string.sub(mids[1], 3)
local turn = redis.call('HMGET', K.turn(t, turn_id), 'state', 'outcome', 'parts', 'history', 'messages', 'reason')
if turn[1] and turn[5] then mids = cjson.decode(turn[5]) else turn = {} end -- decided before: by then, it was these
local messages = {}
for _, one in ipairs(mids) do
  local f = redis.call('HMGET', K.message(t, one), 'kind', 'at', 'received', 'raw', 'refers')
  if f[1] then messages[#messages + 1] = { one, f[1], f[2], f[3], f[4], f[5] } end
end
return {
  cid, own[2], own[3] or '', conv,
  redis.call('HMGET', K.session(t, cid), 'id', 'history', 'misses', 'lang'),
  redis.call('HGET', K.contact(t, conv[3] or ''), 'who'),
  turn_id, turn, messages,
}
