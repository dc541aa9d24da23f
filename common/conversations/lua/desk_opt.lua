-- A person writes down that a customer wants no more of the bot, or wants it again; the last word on it, by Redis' clock.
-- ARGV: 1 tenant  2 cid  3 out (1|0)  4 actor  5 now  6 reason of a chat that was left alone because of it
-- Returns 1, or 0 when the conversation is gone.
local t, cid, out = ARGV[1], ARGV[2], ARGV[3] == '1'
local held = redis.call('HMGET', K.conversation(t, cid), 'contact', 'owner', 'reason')
if not held[1] then return 0 end
local key = K.contact(t, held[1])
redis.call('HSET', key, 'opted_at', redis.call('TIME')[1], 'opted_by', ARGV[4])
if out then
  redis.call('HSETNX', key, 'opted_out', ARGV[5])
  redis.call('EXPIRE', key, OPT_TTL)
else
  redis.call('HDEL', key, 'opted_out')
  if held[2] == 'waiting' and held[3] == ARGV[6] then set_owner(t, cid, 'bot', ARGV[5], '', '') end
end
bump(t, cid)
return 1
