-- The dependents that were too many to learn at once how their job ended: the next of them.
-- (lib: common.queueing:lib)
-- ARGV: iso now
-- Returns how many jobs have such dependents still
local rest = call('ZRANGE', 'rq:resolving', 0, 0)[1]
if not rest then return 0 end
local key = 'rq:resolving:' .. rest
local good, id = string.match(rest, '^(%d):%d+:(.*)$')
q_tell(key, id, good == '1', ARGV[1], AT_ONCE)
if call('EXISTS', key) == 0 then call('ZREM', 'rq:resolving', rest) end
return call('ZCARD', 'rq:resolving')
