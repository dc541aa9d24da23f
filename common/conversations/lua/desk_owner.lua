-- A person takes a chat over, hands it back, or closes it.
-- ARGV: 1 tenant  2 cid  3 owner  4 now  5 reason  6 agent  7 owners it may come from, joined by '|'
-- Returns {ok (1|0), owner before, agent before}; 0 when it stands with somebody it may not come from.
local t, cid, owner = ARGV[1], ARGV[2], ARGV[3]
local held = redis.call('HMGET', K.conversation(t, cid), 'owner', 'agent')
if not held[1] then return { 0, '', '' } end
if not string.find('|' .. ARGV[7] .. '|', '|' .. held[1] .. '|', 1, true) then return { 0, held[1], held[2] or '' } end
set_owner(t, cid, owner, ARGV[4], ARGV[5], ARGV[6])
touch(t, cid, ARGV[4])
return { 1, held[1], held[2] or '' }
