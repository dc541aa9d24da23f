-- Library: conversations, contacts, transcripts. Needs K (the key functions made from common/store/keys.py).
-- t is the tenant, cid the conversation, mid a message; times are unix seconds, day is yyyymmdd (UTC).

local LOG_MAX = 2000        -- messages a transcript keeps
local SESSION_TTL = 86400   -- what the bot remembers, after the last inbound message
local COUNTER_TTL = 7776000 -- 90 days
local TOLD_TTL = 600        -- what is known of a bubble that was forgotten
local OPT_TTL = 157680000   -- 5 years: a customer's "no" outlives the conversation

local function count(t, day, name, n)
  local key = K.counters(t, day)
  if redis.call('HINCRBY', key, name, n or 1) == (n or 1) then redis.call('EXPIRE', key, COUNTER_TTL) end
end

-- The customer says at `at` that `what` (opted: everything of the bot; marketing: templates) is over (out true) or wanted
-- again; by: the word, the person or the channel that said so. What was said earlier than the last word counts for nothing.
local function opt(t, contact, what, out, at, by)
  local key = K.contact(t, contact)
  if math.floor(at) < math.floor(redis.call('HGET', key, what .. '_at') or 0) then return 0 end -- Meta says whole seconds
  redis.call('HSET', key, what .. '_at', at, what .. '_by', by)
  if out then
    redis.call('HSET', key, what .. '_out', at)
    redis.call('EXPIRE', key, OPT_TTL)
  else
    redis.call('HDEL', key, what .. '_out')
  end
  return 1
end

-- Two contacts turned out to be one person: what either said last holds.
local function opt_merge(t, from, into)
  for _, what in ipairs({ 'opted', 'marketing' }) do
    local said = redis.call('HMGET', K.contact(t, from), what .. '_at', what .. '_by', what .. '_out')
    if said[1] then opt(t, into, what, said[3], said[1], said[2]) end
  end
end

-- Meta refuses a marketing template because its customer has stopped those (131050).
local function marketing_stopped(t, cid, at)
  local contact = redis.call('HGET', K.conversation(t, cid), 'contact')
  if contact then opt(t, contact, 'marketing', true, at, '131050') end
end

-- How long a contact and what leads to it are kept at least.
local function contact_ttl(t, contact, ttl)
  local out = redis.call('HMGET', K.contact(t, contact), 'opted_out', 'marketing_out')
  return (out[1] or out[2]) and math.max(ttl, OPT_TTL) or ttl
end

-- The contact that the aliases (best first) lead to, or `candidate` as a new one; every alias leads to it afterwards.
-- A contact that loses an alias to it is marked merged_into: two identities turned out to be one person.
local function contact_of(t, aliases, candidate, ttl)
  local found = false
  local held = {}
  for i, alias in ipairs(aliases) do
    held[i] = redis.call('GET', K.alias(t, alias))
    found = found or held[i]
  end
  local contact = found or candidate
  for i, alias in ipairs(aliases) do
    if held[i] ~= contact then
      if held[i] and redis.call('EXISTS', K.contact(t, held[i])) == 1 then
        redis.call('HSET', K.contact(t, held[i]), 'merged_into', contact)
        opt_merge(t, held[i], contact)
      end
      redis.call('SET', K.alias(t, alias), contact, 'EX', ttl)
    end
  end
  return contact
end

-- Makes the conversation if it is new; renews what must live as long as the transcript, once a day. Returns its key, its
-- owner, and until when its window is open.
local function ensure(t, cid, pnid, contact, now, day, ttl, aliases)
  local ck = K.conversation(t, cid)
  local held = redis.call('HMGET', ck, 'owner', 'renewed', 'window_until')
  local owner = held[1]
  if not owner then
    owner = 'bot'
    redis.call('HSET', ck, 'owner', owner, 'phone_number_id', pnid, 'contact', contact, 'since', now, 'created', now,
      'unread', 0, 'v', 0)
    redis.call('ZADD', K.index(t, owner), now, cid)
  end
  if held[2] ~= day then
    redis.call('HSET', ck, 'renewed', day)
    redis.call('EXPIRE', ck, ttl)
    redis.call('EXPIRE', K.transcript(t, cid), ttl)
    redis.call('EXPIRE', K.unanswered(t, cid), ttl)
    local long = contact_ttl(t, contact, ttl)
    redis.call('EXPIRE', K.contact(t, contact), long)
    for _, alias in ipairs(aliases) do redis.call('EXPIRE', K.alias(t, alias), long) end
  end
  return ck, owner, tonumber(held[3] or 0)
end

local function append(t, cid, mid)
  local key = K.transcript(t, cid)
  local n = redis.call('RPUSH', key, mid)
  if n > LOG_MAX then redis.call('LTRIM', key, -LOG_MAX, -1) end
  return n
end

-- Gives the conversation to `owner` (bot|waiting|human|closed); keeps its place in the indexes. Returns the owner before.
local function set_owner(t, cid, owner, now, reason, agent)
  local ck = K.conversation(t, cid)
  local before = redis.call('HGET', ck, 'owner')
  if not before then return false end
  redis.call('HSET', ck, 'owner', owner, 'reason', reason, 'agent', agent)
  redis.call('HINCRBY', ck, 'v', 1)
  if before ~= owner then
    redis.call('HSET', ck, 'since', now)
    redis.call('ZREM', K.index(t, before), cid)
    redis.call('ZADD', K.index(t, owner), now, cid)
  end
  return before
end

-- The bot gives up the chat: it waits for a person from now on. Only a chat of the bot can; returns 1 if it was.
local function hand_over(t, cid, now, day, reason)
  if redis.call('HGET', K.conversation(t, cid), 'owner') ~= 'bot' then return 0 end
  set_owner(t, cid, 'waiting', now, reason, '')
  count(t, day, 'handed_over')
  return 1
end

-- Last activity, for lists; `waiting` is ordered by when the wait began and stays as it is. Who knows the owner says so;
-- `fields` of the conversation are written on the way.
local function touch(t, cid, now, owner, fields)
  local ck = K.conversation(t, cid)
  owner = owner or redis.call('HGET', ck, 'owner')
  if not owner then return end
  redis.call('HSET', ck, 'last_at', now, unpack(fields or {}))
  redis.call('HINCRBY', ck, 'v', 1)
  redis.call('ZADD', K.index(t, 'all'), now, cid)
  if owner ~= 'waiting' then redis.call('ZADD', K.index(t, owner), now, cid) end
end

-- Tells whoever watches the conversation that something in it changed.
local function bump(t, cid)
  local ck = K.conversation(t, cid)
  if redis.call('EXISTS', ck) == 1 then redis.call('HINCRBY', ck, 'v', 1) end
end

-- Bubble mid was forgotten, and is known to have been accepted: it stands so when it is decided again.
local function tell_accepted(t, mid, wamid, at)
  redis.call('HSET', K.told(t, mid), 'state', 'accepted', 'wamid', wamid, 'accepted_at', at)
  redis.call('EXPIRE', K.told(t, mid), TOLD_TTL)
end

-- Message mid is dealt with. Returns 1 when it was not before.
local function dealt_with(t, cid, mid)
  local gone = redis.call('LREM', K.unanswered(t, cid), 1, mid)
  if redis.call('EXISTS', K.unanswered(t, cid)) == 0 then redis.call('ZREM', K.index(t, 'open'), cid) end
  return gone
end

local function read_by_desk(t, cid)
  if redis.call('EXISTS', K.conversation(t, cid)) == 0 then return end
  redis.call('HSET', K.conversation(t, cid), 'unread', 0)
  redis.call('ZREM', K.index(t, 'unread'), cid)
end

-- A lease is alive while its execution stands in the queue's wip set: the fence against zombie executions.
local function leased(queue, job, execution)
  return redis.call('ZSCORE', 'rq:wip:' .. queue, job .. ':' .. execution) ~= false
end

-- The job is told when the blocked number works again.
local function wait_for_number(t, number, job)
  redis.call('SADD', K.number_waiting(t, number), job)
  redis.call('EXPIRE', K.number_waiting(t, number), 86400)
end

-- n of `args` from `first` on, as a table.
local function slice(args, first, n)
  local out = {}
  for i = first, first + n - 1 do out[#out + 1] = args[i] end
  return out
end
