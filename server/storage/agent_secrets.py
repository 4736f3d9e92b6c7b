"""An agent's sets of secrets: the current one first, and the one before while both are valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from server.storage.agent_changes import note
from server.storage.agents import Sealer
from server.storage.connection import Connection

Sets = tuple[Mapping[str, str], ...]
Change = Callable[[Sets], Sets]


async def secret_sets(connection: Connection, sealer: Sealer, agent: str) -> Sets | None:
    """None = there is no such agent. Raises ValueError when another key has sealed them."""
    row = await connection.fetchrow("select secrets from ledger.agents where name = $1", agent)
    if row is None:
        return None
    return tuple(json.loads(sealer.unseal(row["secrets"]))) if row["secrets"] else ()


def with_secret(sets: Sets, name: str, value: str) -> Sets:
    """The sets after one secret is set.

    Replacing one begins a rotation: what was valid stays so, as the second set. Until that is
    retired, further ones are replaced in the first set only. A name that the current set does not
    have yet replaces nothing, so it belongs to every set.
    """
    current = next(iter(sets), {})
    if name not in current:
        return tuple({**each, name: value} for each in sets or ({},))
    if current[name] == value:
        return sets
    before = sets[1] if len(sets) > 1 else current
    return ({**current, name: value}, before)


async def put_secret(
    connection: Connection, sealer: Sealer, agent: str, name: str, value: str, actor: str
) -> Sets | None:
    """Set one; every worker hears of it. None = there is no such agent."""
    return await _replace(
        connection, sealer, agent, lambda sets: with_secret(sets, name, value), actor, name
    )


async def retire_secrets(
    connection: Connection, sealer: Sealer, agent: str, actor: str
) -> Sets | None:
    """Only the current set stays valid. None = there is no such agent."""
    return await _replace(connection, sealer, agent, lambda sets: sets[:1], actor, "")


async def _replace(
    connection: Connection, sealer: Sealer, agent: str, change: Change, actor: str, name: str
) -> Sets | None:
    """The audit is told the secret's name, never its value; an empty one means a retirement."""
    async with connection.transaction():
        await connection.execute("select from ledger.agents where name = $1 for update", agent)
        sets = await secret_sets(connection, sealer, agent)
        if sets is None:
            return None
        changed = change(sets)
        sealed = sealer.seal(json.dumps([dict(each) for each in changed]).encode())
        await connection.execute(
            "update ledger.agents set secrets = $2 where name = $1", agent, sealed
        )
        action, details = ("secret", {"name": name}) if name else ("retire", {})
        await note(connection, agent, action, actor, "", details)
        return changed
