-- A message's job is dead: the message is left to a person, with the reason. Safe to repeat.
-- ARGV: 1 tenant  2 now  3 day  4 mid  5 reason
-- Returns 1 when the chat went from the bot to waiting, 0 when it was not the bot's, -1 when the message is gone.
local t, now, day, mid = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local mk = K.message(t, mid)
local held = redis.call('HMGET', mk, 'conv', 'state', 'dir')
local cid = held[1]
if not cid then return -1 end
if held[3] == 'in' then
  if dealt_with(t, cid, mid) == 1 then
    redis.call('HSET', mk, 'state', 'dead')
    count(t, day, 'dead')
    -- bubbles that its turn had decided and that did not leave never will
    local parts = redis.call('HGET', K.turn(t, 't-' .. string.sub(mid, 3)), 'parts')
    for _, part in ipairs(parts and cjson.decode(parts) or {}) do
      local state = redis.call('HGET', K.message(t, part), 'state')
      if state == 'intent' or state == 'sending' then
        redis.call('HSET', K.message(t, part), 'state', 'failed', 'failed_at', now, 'error', ARGV[5])
      end
    end
  end
elseif held[2] == 'intent' or held[2] == 'sending' then
  redis.call('HSET', mk, 'state', 'failed', 'failed_at', now, 'error', ARGV[5])
  count(t, day, 'failed')
end
local handed = hand_over(t, cid, now, day, ARGV[5])
touch(t, cid, now)
return handed
