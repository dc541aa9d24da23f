-- Keeps a webhook item that is neither message nor status, once.
-- ARGV: 1 tenant  2 day  3 dedup digest  4 kind  5 phone_number_id  6 now  7 raw (sealed)
-- Returns 1, or 0 when it was kept before.
if not redis.call('SET', K.seen_update(ARGV[1], ARGV[3]), '1', 'NX', 'EX', 691200) then
  count(ARGV[1], ARGV[2], 'duplicates')
  return 0
end
redis.call('XADD', K.other_updates(ARGV[1]), 'MAXLEN', '~', 10000, '*', 'kind', ARGV[4], 'number', ARGV[5], 'at', ARGV[6], 'raw', ARGV[7])
count(ARGV[1], ARGV[2], 'other')
return 1
