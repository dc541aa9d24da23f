-- Take jobs and start them. (lib: common.queueing:lib, workers.engine:briefing, claiming)
-- ARGV: most to take, worker, lease + margin in s, iso now, prefix of execution ids, queue, ...
-- Returns what `claim` does.
return claim(tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]), ARGV[4], ARGV[5], {unpack(ARGV, 6)})
