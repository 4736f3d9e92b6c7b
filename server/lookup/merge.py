"""Scripts that run inside Redis, and the commands that call them.

"Newer" is a higher epoch, else lane by lane a higher version, compared as numbers; an older lane
is dropped, not the whole value. Versions of different epochs say nothing about each other, so a
half of an older epoch is never joined with one of a newer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

# Returns the places (from 1) of lanes that Redis does not show although they were given: an older
# epoch was dropped whose version is above the one that stands there. For the feed this is normal
# while epochs change; a writer of payments must then send its readers to PostgreSQL.
# One MGET and one MSET for all: a call out of Lua costs more than what it does here.
_MERGE = b"""
local olds = redis.call('MGET', unpack(KEYS))
local head, part = struct.unpack, string.sub
local behind, set = {}, {}
for i = 1, #KEYS do
  local old, new = olds[i], ARGV[i]
  local value
  if not old or #old < 14 then
    value = new
  else
    local e0, b0, p0, l0 = head('>I4I4I4I2', old)
    local e1, b1, p1, l1 = head('>I4I4I4I2', new)
    if e1 > e0 or (e1 == e0 and b1 > b0 and p1 > p0) then
      value = new
    elseif e1 < e0 then
      if b1 > b0 or p1 > p0 then behind[#behind + 1] = i end
    elseif b1 > b0 then
      value = part(new, 1, 8) .. part(old, 9, 12) .. part(new, 13, 14 + l1) .. part(old, 15 + l0)
    elseif p1 > p0 then
      value = part(old, 1, 8) .. part(new, 9, 12) .. part(old, 13, 14 + l0) .. part(new, 15 + l1)
    end
  end
  if value then
    set[#set + 1] = KEYS[i]
    set[#set + 1] = value
  end
end
if #set > 0 then redis.call('MSET', unpack(set)) end
return behind
"""

# Deletes values that are not newer than the epoch ARGV[1]; `below` also spares the epoch itself.
_DELETE = b"""
local limit = tonumber(ARGV[1])
if ARGV[2] == 'below' then limit = limit - 1 end
local deleted = 0
for i = 1, #KEYS do
  local head = redis.pcall('GETRANGE', KEYS[i], 0, 13)
  if type(head) ~= 'string' or #head < 14 or struct.unpack('>I4', head) <= limit then
    deleted = deleted + redis.call('DEL', KEYS[i])
  end
end
return deleted
"""

# Sets KEYS[1] to ARGV[1] ("epoch high/low process ...") unless what stands there is further; an old
# leader that wakes up must not turn the clock back. What was written into another Redis process
# (by replication, a dump or a slot that moved here) counts for nothing. With ARGV[2] = 'standing'
# nothing is set where nothing stands: everything was lost. Returns 1 when it was set, 0 when
# another is further, -1 when nothing stood there, and the other KEYS.
_ADVANCE = b"""
local function position(text)
  local epoch, high, low, process =
    string.match(text or '', '^(%d+) (%x+)/(%x+) (%S+)')
  if not epoch then return 0, 0, 0, '' end
  return tonumber(epoch), tonumber(high, 16), tonumber(low, 16), process
end
local old = redis.call('GET', KEYS[1])
local e0, h0, l0, r0 = position(old or nil)
local e1, h1, l1, r1 = position(ARGV[1])
local reply = {0}
if not old and ARGV[2] == 'standing' then
  reply[1] = -1
elseif r1 ~= r0 or e1 > e0 or (e1 == e0 and (h1 > h0 or (h1 == h0 and l1 >= l0))) then
  redis.call('SET', KEYS[1], ARGV[1])
  reply[1] = 1
end
for i = 2, #KEYS do reply[i] = redis.call('GET', KEYS[i]) end
return reply
"""

# Sets KEYS[2] to ARGV[2] if KEYS[1] still is ARGV[1]: nothing was emptied since it was set.
_CERTIFY = b"""
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2])
redis.call('DEL', KEYS[1])
return 1
"""

SCRIPTS = (_MERGE, _DELETE, _ADVANCE, _CERTIFY)
"""To be loaded at every connect."""


def _prefix(script: bytes) -> bytes:
    digest = hashlib.sha1(script, usedforsecurity=False).hexdigest().encode()
    return b"$7\r\nEVALSHA\r\n$40\r\n%b\r\n" % digest


_MERGE_PREFIX, _DELETE_PREFIX, _ADVANCE_PREFIX, _CERTIFY_PREFIX = map(_prefix, SCRIPTS)


def _command(prefix: bytes, keys: Sequence[bytes], arguments: Iterable[bytes]) -> bytes:
    parts = [b"$%d\r\n%b\r\n" % (len(part), part) for part in (*keys, *arguments)]
    count = b"%d" % len(keys)
    head = b"*%d\r\n%b$%d\r\n%b\r\n" % (len(parts) + 3, prefix, len(count), count)
    return head + b"".join(parts)


def merge(values: dict[bytes, bytes]) -> bytes:
    """The command that merges snapshots, or parts of them, by key."""
    return _command(_MERGE_PREFIX, tuple(values), values.values())


def delete(keys: Sequence[bytes], epoch: int) -> bytes:
    """The command that deletes accounts, unless they stand there with a newer epoch."""
    return _command(_DELETE_PREFIX, keys, (b"%d" % epoch, b"upto"))


def sweep(keys: Sequence[bytes], epoch: int) -> bytes:
    """The command that deletes what an earlier epoch left."""
    return _command(_DELETE_PREFIX, keys, (b"%d" % epoch, b"below"))


def advance(key: bytes, value: bytes, *others: bytes, standing: bool = False) -> bytes:
    """The command that sets one of the sync's marks; its reply also tells others.

    `standing`: only where one stands.
    """
    arguments = (value, b"standing") if standing else (value,)
    return _command(_ADVANCE_PREFIX, (key, *others), arguments)


def certify(guard: bytes, key: bytes, expected: bytes, value: bytes) -> bytes:
    """The command that sets `key` if `guard` still holds what is expected."""
    return _command(_CERTIFY_PREFIX, (guard, key), (expected, value))
