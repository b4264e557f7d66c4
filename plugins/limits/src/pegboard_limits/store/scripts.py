"""What Redis does in one step. Every script takes the time from the server, so that clocks of clients do not matter."""

from __future__ import annotations

# Takes the next turn of a token bucket; times are microseconds since the Unix epoch.
#   KEYS: when the bucket is full again; the turns that were given back.
#   ARGV: microseconds between two runs; how far ahead of time runs may be; the longest wait, or -1.
#   Returns the wait, and what gives the turn back: `now`, `late`, or its time.
TAKE_TURN = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local each, ahead, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now) + each
local function keep()
  redis.call('SET', KEYS[1], string.format('%.3f', full), 'PX', math.ceil((full - now) / 1000) + 1000)
end
local at = full - ahead
if at - now < 1 then
  keep()
  return {'0', 'now'}
end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', string.format('%.0f', now))
local spare = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
if spare[1] then at = tonumber(spare[2]) end
local wait = string.format('%.0f', at - now)
if most >= 0 and at - now > most then return {wait, 'late'} end
if spare[1] then redis.call('ZREM', KEYS[2], spare[1]) else keep() end
return {wait, string.format('%.0f', at)}
"""

# Gives a turn back.  KEYS: the turns that were given back.  ARGV: the turn's time; something unique.
GIVE_TURN_BACK = """
local time = redis.call('TIME')
local left = math.ceil((ARGV[1] - time[1] * 1000000 - time[2]) / 1000) + 1000
if left <= 0 then return 0 end
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
if redis.call('PTTL', KEYS[1]) < left then redis.call('PEXPIRE', KEYS[1], left) end
return 1
"""

# Takes a slot, or joins the queue for one; times are milliseconds since the Unix epoch.
#   KEYS: who has a slot, by the end of the lease; the queue, in order; who in it is alive, and until when.
#   ARGV: who asks; how many slots; the lease; how long it stays in the queue, 0 not to join it.
#   Returns 1 for a slot, and 0 for none.
TAKE_SLOT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lease, patience = tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now)) do
  redis.call('ZREM', KEYS[2], dead)
  redis.call('ZREM', KEYS[3], dead)
end
if redis.call('ZSCORE', KEYS[1], ARGV[1]) then return 1 end
local rank = redis.call('ZRANK', KEYS[2], ARGV[1])
if (rank or redis.call('ZCARD', KEYS[2])) < ARGV[2] - redis.call('ZCARD', KEYS[1]) then
  redis.call('ZADD', KEYS[1], now + lease, ARGV[1])
  if redis.call('PTTL', KEYS[1]) < lease * 2 then redis.call('PEXPIRE', KEYS[1], lease * 2) end
  redis.call('ZREM', KEYS[2], ARGV[1])
  redis.call('ZREM', KEYS[3], ARGV[1])
  return 1
end
if patience > 0 then
  if not rank then
    local last = redis.call('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
    redis.call('ZADD', KEYS[2], (last[2] or 0) + 1, ARGV[1])
  end
  redis.call('ZADD', KEYS[3], now + patience, ARGV[1])
  redis.call('PEXPIRE', KEYS[2], patience * 2)
  redis.call('PEXPIRE', KEYS[3], patience * 2)
end
return 0
"""

# Gives a slot back, or leaves the queue.  KEYS: as above.  ARGV: who.
GIVE_SLOT_BACK = """
for _, key in ipairs(KEYS) do redis.call('ZREM', key, ARGV[1]) end
return 1
"""

# Renews leases; one that ran out is taken again, as its call still goes on.  KEYS: who has a slot.  ARGV: lease; who...
RENEW_LEASES = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for index = 2, #ARGV do redis.call('ZADD', KEYS[1], now + ARGV[1], ARGV[index]) end
if redis.call('PTTL', KEYS[1]) < ARGV[1] * 2 then redis.call('PEXPIRE', KEYS[1], ARGV[1] * 2) end
return 1
"""
