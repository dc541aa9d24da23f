-- Wake an idle worker of each queue that holds jobs (lib: common.queueing:lib).
-- ARGV: queue, ...
for _, queue in ipairs(ARGV) do
  for _, list in ipairs(q_lists(queue)) do
    if call('EXISTS', list) == 1 then q_wake(queue) end
  end
end
return 0
