-- All that a turn needs, in one read. Changes nothing.
-- ARGV: 1 tenant  2 mid of the job's message  3 single (1: the turn is this message alone)
-- Returns {} when the message is gone, else
--   {cid, state of mid, turn of mid, {owner, phone_number_id, contact, window_until, opted_out},
--    {session id, history, misses, lang}, who (sealed), turn id, {turn state, outcome, parts, history, messages, reason} or {},
--    { {mid, kind, at, received, raw, refers, wish}, ... }}: the messages of the turn, oldest first.
local t, mid = ARGV[1], ARGV[2]
local own = redis.call('HMGET', K.message(t, mid), 'conv', 'state', 'turn')
local cid = own[1]
if not cid then return {} end
local conv = redis.call('HMGET', K.conversation(t, cid), 'owner', 'phone_number_id', 'contact', 'window_until')
local person = redis.call('HMGET', K.contact(t, conv[3] or ''), 'who', 'opted_out')
conv[5] = person[2]
local mids = { mid }
if ARGV[3] ~= '1' then
  local open = redis.call('LRANGE', K.unanswered(t, cid), 0, 99)
  if #open > 0 then mids = open end
end
local turn_id = 't-' .. string.sub(mids[1], 3)
local turn = redis.call('HMGET', K.turn(t, turn_id), 'state', 'outcome', 'parts', 'history', 'messages', 'reason')
if turn[1] and turn[5] then -- decided before: by then, it was these
  mids = cjson.decode(turn[5])
else
  turn = {}
  if #mids > 1 then -- decided and forgotten, but its answer is known to have left: it answered these, or at least the first
    local told = redis.call('HMGET', K.told(t, 'o-' .. string.sub(turn_id, 3) .. '-0'), 'state', 'messages')
    if told[1] then mids = told[2] and cjson.decode(told[2]) or { mids[1] } end
  end
end
local messages = {}
for _, one in ipairs(mids) do
  local f = redis.call('HMGET', K.message(t, one), 'kind', 'at', 'received', 'raw', 'refers', 'wish')
  if f[1] then messages[#messages + 1] = { one, f[1], f[2], f[3], f[4], f[5], f[6] } end
end
return {
  cid, own[2], own[3] or '', conv,
  redis.call('HMGET', K.session(t, cid), 'id', 'history', 'misses', 'lang'),
  person[1],
  turn_id, turn, messages,
}
