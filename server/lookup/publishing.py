"""Writing a payment's lane through to Redis, within the time that an answer can wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from server.lookup import merge
from server.lookup.keeper import Sessions
from server.lookup.link import Link, LinkLostError, RedisRefusedError, packed
from server.lookup.marks import ACCOUNT
from server.lookup.redirects import following
from server.lookup.snapshot import join, paid_half
from server.payments.ports import PaidLane

_log = structlog.get_logger("lookup")
_DEADLINE_SECONDS = 0.03


async def write_through(sessions: Sessions, lanes: Sequence[PaidLane]) -> set[str]:
    """Merge the lanes into Redis; "already newer" is success. Returns the accounts that failed."""
    values: dict[bytes, bytes] = {}
    for lane in sorted(lanes, key=lambda each: (each.epoch, each.version)):
        half = paid_half(lane.services, lane.paid, lane.advance)
        values[ACCOUNT + lane.account.encode()] = join(lane.epoch, 0, b"", lane.version, half)
    if len(values) == 1 or not sessions.is_cluster:
        return await _merge(sessions, values)
    each = [_merge(sessions, {key: value}) for key, value in values.items()]
    return set[str]().union(*await asyncio.gather(*each))


async def _merge(sessions: Sessions, values: dict[bytes, bytes]) -> set[str]:
    keys = list(values)
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            behind = await following(sessions, keys[0], merge.merge(values))
    except (TimeoutError, LinkLostError) as error:
        _complain("write-through failed", error)
    except RedisRefusedError as error:
        _complain("write-through refused", error)
        holder = sessions.holder(keys[0])
        if holder is not None and "NOSCRIPT" in str(error):
            _load_scripts(holder.link)
    else:
        keys = [keys[place - 1] for place in behind]
    return {key[len(ACCOUNT) :].decode() for key in keys}


_complaints: dict[str, float] = {}


def _complain(what: str, error: OSError) -> None:
    """At most once a second: while a node is away it may be every payment."""
    now = time.monotonic()
    if now > _complaints.get(what, 0.0) + 1:
        _complaints[what] = now
        _log.warning(what, error=repr(error))


def _load_scripts(link: Link) -> None:
    for script in merge.SCRIPTS:
        link.send(packed("SCRIPT", "LOAD", script), lambda _: None)
