-- ARGV: key, field. Returns {value}, or {} when there is none.
return { redis.call('HGET', ARGV[1], ARGV[2]) or nil }
