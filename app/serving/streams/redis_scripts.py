"""The scripts that Redis runs for streams, each in one step. Knows the names of its keys.

Keys, behind the prefix `unroll:`:

    s:OWNER:NAME    hash      a stream
    k:OWNER:NAME    sorted    inputs that are kept, by their positions
    g:OWNER:NAME    text      a stream that has expired; goes by itself
    n:OWNER         sorted    names, all with score 0, so in their order
    e               sorted    OWNER:NAME by the time when it expires
    v:MODEL:VERSION set       OWNER:NAME of streams that are pinned to the version
    secret          text      the key of seals
"""

from typing import Final

PREFIX: Final = "unroll:"

# ARGV of all: member (OWNER:NAME), owner, name, now; then their own.
_COMMON: Final = """
local P = 'unroll:'
local member, owner, name, now = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local function forget(member, owner, name)
  local key = P .. 's:' .. member
  local old = redis.call('HMGET', key, 'model', 'version')
  if old[1] then
    local base = string.match(old[1], '^[^.]*')
    redis.call('SREM', P .. 'v:' .. base .. ':' .. old[2], member)
  end
  redis.call('DEL', key, P .. 'k:' .. member)
  redis.call('ZREM', P .. 'e', member)
  redis.call('ZREM', P .. 'n:' .. owner, name)
end
local function pin(model, version, policy)
  local key = P .. 'v:' .. string.match(model, '^[^.]*') .. ':' .. version
  redis.call(policy == 'pin' and 'SADD' or 'SREM', key, member)
end
"""

# limit, expires, model, version, policy, number of fields and values, these, then kept inputs as
# position and content. Gives the fields of a live stream that is there, 'full', or 'made'.
CREATE: Final = (
    _COMMON
    + """
local key = P .. 's:' .. member
local expires = redis.call('HGET', key, 'expires')
if expires and tonumber(expires) > now then return redis.call('HGETALL', key) end
if expires then forget(member, owner, name) end
if redis.call('ZCARD', P .. 'e') >= tonumber(ARGV[5]) then return 'full' end
local last = 10 + tonumber(ARGV[10])
redis.call('HSET', key, unpack(ARGV, 11, last))
redis.call('ZADD', P .. 'e', ARGV[6], member)
redis.call('ZADD', P .. 'n:' .. owner, 0, name)
redis.call('DEL', P .. 'g:' .. member)
pin(ARGV[7], ARGV[8], ARGV[9])
for i = last + 1, #ARGV, 2 do redis.call('ZADD', P .. 'k:' .. member, ARGV[i], ARGV[i + 1]) end
return 'made'
"""
)

# token, position, expires or '', model, version before, version after, policy, forget before or '',
# position of kept inputs or '', these, then fields and values. Compare and set: gives 1 or 0.
COMMIT: Final = (
    _COMMON
    + """
local key = P .. 's:' .. member
local at = redis.call('HMGET', key, 'token', 'position')
if at[1] ~= ARGV[5] or at[2] ~= ARGV[6] then return 0 end
redis.call('HSET', key, unpack(ARGV, 15))
if ARGV[7] ~= '' then
  redis.call('ZADD', P .. 'e', ARGV[7], member)
  redis.call('SREM', P .. 'v:' .. string.match(ARGV[8], '^[^.]*') .. ':' .. ARGV[9], member)
  pin(ARGV[8], ARGV[10], ARGV[11])
end
if ARGV[12] ~= '' then
  redis.call('ZREMRANGEBYSCORE', P .. 'k:' .. member, '-inf', '(' .. ARGV[12])
end
if ARGV[13] ~= '' then redis.call('ZADD', P .. 'k:' .. member, ARGV[13], ARGV[14]) end
return 1
"""
)

# Gives 1 if there was a live one.
DELETE: Final = (
    _COMMON
    + """
local expires = redis.call('HGET', P .. 's:' .. member, 'expires')
if not expires or tonumber(expires) <= now then return 0 end
forget(member, owner, name)
return 1
"""
)

# limit, seconds that the names are remembered. Gives how many have expired.
EXPIRE: Final = (
    _COMMON
    + """
local over = redis.call('ZRANGEBYSCORE', P .. 'e', '-inf', ARGV[4], 'LIMIT', 0, ARGV[5])
for _, each in ipairs(over) do
  local of, called = string.match(each, '^([^:]*):(.*)$')
  forget(each, of, called)
  redis.call('SET', P .. 'g:' .. each, '', 'EX', ARGV[6])
end
return #over
"""
)
