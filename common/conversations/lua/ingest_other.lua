-- Keeps a webhook item that is neither message nor status, once; one that is a customer's word on marketing changes
-- the contact with it.
-- ARGV: 1 tenant  2 day  3 dedup digest  4 kind  5 phone_number_id  6 now  7 raw (sealed)
--       of a word on marketing also  8 stop | resume  9 said at  10 ttl s  11 candidate contact id  12 who (sealed)  13 tail
--       14.. aliases
-- Returns 1, or 0 when it was kept before.
local t = ARGV[1]
if not redis.call('SET', K.seen_update(t, ARGV[3]), '1', 'NX', 'EX', 691200) then
  count(t, ARGV[2], 'duplicates')
  return 0
end
redis.call('XADD', K.other_updates(t), 'MAXLEN', '~', 10000, '*', 'kind', ARGV[4], 'number', ARGV[5], 'at', ARGV[6], 'raw', ARGV[7])
count(t, ARGV[2], 'other')
if #ARGV > 7 then
  local aliases = slice(ARGV, 14, #ARGV - 13)
  local contact = contact_of(t, aliases, ARGV[11], ARGV[10])
  if redis.call('HSETNX', K.contact(t, contact), 'who', ARGV[12]) == 1 then
    redis.call('HSET', K.contact(t, contact), 'tail', ARGV[13])
    redis.call('EXPIRE', K.contact(t, contact), ARGV[10])
  end
  opt(t, contact, 'marketing', ARGV[8] == 'stop', ARGV[9], 'user_preferences')
  local long = contact_ttl(t, contact, tonumber(ARGV[10]))
  for _, alias in ipairs(aliases) do redis.call('EXPIRE', K.alias(t, alias), long) end
  bump(t, ARGV[5] .. '.' .. contact)
end
return 1
