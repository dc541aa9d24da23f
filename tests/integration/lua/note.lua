-- ARGV: note.
return redis.call('RPUSH', 'notes', ARGV[1])
