"""Writing a payment's lane through to Redis, within the time that an answer can wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from server.lookup import merge
from server.lookup.link import Link, LinkLostError, RedisRefusedError, packed
from server.lookup.marks import ACCOUNT
from server.lookup.snapshot import join, paid_half
from server.payments.ports import PaidLane

_log = structlog.get_logger("lookup")
_DEADLINE_SECONDS = 0.03


async def write_through(link: Link | None, lanes: Sequence[PaidLane]) -> set[str]:
    """Merge the lanes into Redis; "already newer" is success. Returns the accounts that failed."""
    accounts = {lane.account for lane in lanes}
    if link is None:
        return accounts
    values: dict[bytes, bytes] = {}
    for lane in sorted(lanes, key=lambda each: (each.epoch, each.version)):
        half = paid_half(lane.services, lane.paid, lane.advance)
        values[ACCOUNT + lane.account.encode()] = join(lane.epoch, 0, b"", lane.version, half)
    try:
        async with asyncio.timeout(_DEADLINE_SECONDS):
            behind = await link.ask(merge.merge(values))
    except (TimeoutError, LinkLostError) as error:
        _log.warning("write-through failed", error=repr(error))
        return accounts
    except RedisRefusedError as error:
        _log.warning("write-through refused", error=str(error))
        if "NOSCRIPT" in str(error):
            for script in merge.SCRIPTS:
                link.send(packed("SCRIPT", "LOAD", script), lambda _: None)
        return accounts
    keys = list(values)
    return {keys[place - 1][len(ACCOUNT) :].decode() for place in behind}
