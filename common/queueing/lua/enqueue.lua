-- One job into its queue, lane or the scheduler's set (lib: common.queueing:lib).
-- ARGV: id, queue, lane or '', iso now, due or '', how many jobs it needs, their ids ..., field, value, ...
-- Returns as q_enqueue.
local n = tonumber(ARGV[6])
local needs = n > 0 and {unpack(ARGV, 7, 6 + n)} or nil
return q_enqueue(ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], {unpack(ARGV, 7 + n)}, needs)
