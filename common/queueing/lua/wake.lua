-- Wake an idle worker of each queue that holds jobs (lib: common.queueing:lib).
-- ARGV: queue, ...
for _, queue in ipairs(ARGV) do
  if call('LLEN', 'rq:queue:' .. queue) > 0 then q_wake(queue) end
end
return 0
