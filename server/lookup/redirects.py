"""Commands on a key that may be on its way to another node of a cluster."""

from __future__ import annotations

from server.lookup.keeper import Sessions
from server.lookup.link import LinkLostError, RedisRefusedError, Reply, packed

_ASKING = packed("ASKING")


async def following(sessions: Sessions, key: bytes, command: bytes) -> Reply:
    """Send the packed command to whoever has the key. Raises LinkLostError, RedisRefusedError."""
    session = sessions.holder(key)
    if session is None:
        raise LinkLostError("redis is away or congested")
    try:
        return await session.link.ask(command)
    except RedisRefusedError as error:
        found = sessions.elsewhere(session, error)
        if found is None:
            raise
    other, is_asking = found
    if is_asking:
        other.link.send(_ASKING, lambda _: None)
    return await other.link.ask(command)
