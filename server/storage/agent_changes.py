"""Changing an agent: the row, the audit and the word to all workers, in one transaction."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from server.storage.agents import CHANGED
from server.storage.connection import Connection


async def set_paused(
    connection: Connection, name: str, actor: str, reason: str, *, paused: bool
) -> bool:
    """False = it was so before. Raises LookupError."""
    async with connection.transaction():
        was = await connection.fetchval(
            "select paused from ledger.agents where name = $1 for update", name
        )
        if was is None:
            raise LookupError(name)
        if was != paused:
            await connection.execute(
                "update ledger.agents set paused = $2 where name = $1", name, paused
            )
            await note(connection, name, "pause" if paused else "resume", actor, reason, {})
    return bool(was != paused)


async def change_agent(
    connection: Connection, name: str, changes: Mapping[str, object], actor: str, reason: str
) -> None:
    """Columns by name; `settings` as a dict. The audit keeps what they were. Raises LookupError."""
    async with connection.transaction():
        row = await connection.fetchrow(
            "select * from ledger.agents where name = $1 for update", name
        )
        if row is None:
            raise LookupError(name)
        values = [json.dumps(v) if isinstance(v, dict) else v for v in changes.values()]
        columns = ", ".join(f"{column} = ${place}" for place, column in enumerate(changes, 2))
        await connection.execute(
            f"update ledger.agents set {columns} where name = $1", name, *values
        )
        await note(connection, name, "change", actor, reason, dict(_told(dict(row), changes)))


def _told(row: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """What was and what is, as texts; settings one by one, as `settings.NAME`."""
    for column, value in changes.items():
        was = row[column]
        if isinstance(value, dict):
            old = json.loads(was)
            pairs = {
                name: [old.get(name, ""), value.get(name, "")] for name in sorted({*old, *value})
            }
            yield from (
                (f"settings.{name}", pair) for name, pair in pairs.items() if len({*pair}) > 1
            )
        elif isinstance(value, list):
            yield column, [" ".join(map(str, each)) for each in (was, value)]
        else:
            yield column, [str(was), str(value)]


async def note(
    connection: Connection,
    name: str,
    action: str,
    actor: str,
    reason: str,
    details: Mapping[str, object],
) -> None:
    """A row in the audit, and the word to all workers."""
    await connection.execute(
        "insert into recon.audit (actor, action, subject, subject_id, reason, details)"
        " values ($1, $2, 'agent', $3, $4, $5)",
        actor,
        action,
        name,
        reason,
        json.dumps(dict(details), ensure_ascii=False),
    )
    await connection.execute("select pg_notify($1, $2)", CHANGED, name)
