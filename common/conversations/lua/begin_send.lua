-- The last look before a message leaves, and its mark as sending, in one step.
-- ARGV: 1 tenant  2 mid  3 queue  4 job  5 execution  6 settle s  7 number rate per s  8 pair interval s  9 pair burst
--       10 name of this question: asked twice (Redis had forgotten a script), it is answered the same
--       11 seconds that one probe of a blocked number may take  12 seconds a fate may be unknown over all tries
-- Returns {verdict, detail, phone_number_id, who (sealed), body (sealed)}:
--   send | done (accepted before) | canceled (why) | failed (error) | unknown (settle time) |
--   wait (until, why, seconds from now in their places) | fenced | gone
local t, mid = ARGV[1], ARGV[2]
local mk = K.message(t, mid)
local function look()
  return redis.call('HMGET', mk, 'state', 'conv', 'need', 'settle_at', 'body', 'kind', 'error', 'why', 'asked', 'by', 'category', 'refused_at', 'sending_at',
    'attempts')
end
local m = look()
if m[1] == 'intent' then -- Redis had forgotten it, and somebody knew what became of it
  local told = redis.call('HGETALL', K.told(t, mid))
  if told[1] then
    redis.call('HSET', mk, unpack(told))
    redis.call('HDEL', mk, 'messages') -- its turn has them
    redis.call('DEL', K.told(t, mid))
    m = look()
  end
end
local state, cid = m[1], m[2]
if not state then return { 'gone', '' } end
if state == 'failed' then return { 'failed', m[7] or '' } end
if state == 'canceled' then return { 'canceled', m[8] or '' } end
if state ~= 'intent' and state ~= 'sending' then return { 'done', '' } end
if not leased(ARGV[3], ARGV[4], ARGV[5]) then return { 'fenced', '' } end

local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local conv = redis.call('HMGET', K.conversation(t, cid), 'owner', 'phone_number_id', 'contact', 'window_until')
local person = redis.call('HMGET', K.contact(t, conv[3] or ''), 'who', 'opted_out', 'marketing_out')
local function cancel(why)
  redis.call('HSET', mk, 'state', 'canceled', 'why', why)
  bump(t, cid)
  return { 'canceled', why }
end
local function wait(until_, why)
  return { 'wait', string.format('%.6f', until_), why, string.format('%.6f', until_ - now) }
end
local function go()
  return { 'send', '', conv[2], person[1] or '', m[5] }
end
if state == 'sending' and m[9] == ARGV[10] then return go() end
if state == 'sending' and now < tonumber(m[4]) then return { 'unknown', m[4] } end
if state == 'sending' then -- nobody ever answered: not for ever
  local since = tonumber(m[12] or m[13] or now)
  if not m[12] then redis.call('HSET', mk, 'refused_at', m[13] or now) end
  if now - since > tonumber(ARGV[12]) then
    redis.call('HSET', mk, 'state', 'failed', 'failed_at', string.format('%.6f', now), 'error', 'no answer from Graph for too long')
    bump(t, cid)
    return { 'failed', 'no answer from Graph for too long' }
  end
end
local need = m[3] == 'opted_out' and 'bot' or m[3]
if need ~= '' and need ~= conv[1] then return cancel('the chat is now with: ' .. (conv[1] or 'nobody')) end
-- A customer who opted out hears nothing more from the bot but the line that says so; a person may still write.
local marketing = m[10] == 'bulk' or m[11] == 'marketing'
if m[3] == 'opted_out' then
  if not person[2] then return cancel('the customer is back') end
elseif person[2] and (m[10] == 'bot' or marketing) then
  return cancel('the customer opted out: the bot writes no more')
end
if marketing and person[3] then return cancel('the customer stopped marketing messages') end
if m[6] ~= 'template' and now > tonumber(conv[4] or 0) - 60 then return cancel('the 24 h service window is closed') end

-- A number that rests makes everybody wait; one that was blocked is tried again by one message, not by all of them.
local paused = redis.call('HMGET', K.number(t, conv[2]), 'paused_until', 'reason', 'blocked')
if paused[1] then
  if tonumber(paused[1]) > now then
    if paused[3] == '1' then wait_for_number(t, conv[2], ARGV[4]) end
    return wait(tonumber(paused[1]), paused[2] or '')
  end
  if paused[3] == '1' then redis.call('HSET', K.number(t, conv[2]), 'paused_until', string.format('%.3f', now + ARGV[11])) end
end
-- GCRA: when a message of this budget may go, in us; both budgets are asked before either is spent
local us = time[1] * 1000000 + time[2]
local nk, pk = K.number_limit(t, conv[2]), K.pair_limit(t, cid)
local tats = redis.call('MGET', nk, pk)
local n_step, p_step = 1000000 / ARGV[7], ARGV[8] * 1000000
local n_tat, p_tat = math.max(us, tonumber(tats[1] or 0)), math.max(us, tonumber(tats[2] or 0))
local n_burst = math.max(1, math.floor(ARGV[7] / 4)) -- a quarter of a second's worth may go at once
local n_at, p_at = n_tat - (n_burst - 1) * n_step, p_tat - (ARGV[9] - 1) * p_step
local free = math.max(n_at, p_at)
if free > us then return wait(free / 1000000, free == p_at and 'pair limit' or 'number limit') end
redis.call('SET', nk, string.format('%.0f', n_tat + n_step), 'PX', 60000)
redis.call('SET', pk, string.format('%.0f', p_tat + p_step), 'PX', math.ceil((p_tat + p_step - us) / 1000) + 1000)

redis.call('HSET', mk, 'state', 'sending', 'exec', ARGV[5], 'asked', ARGV[10], 'sending_at', string.format('%.6f', now),
  'settle_at', string.format('%.6f', now + ARGV[6]), 'attempts', (m[14] or 0) + 1)
return go()
