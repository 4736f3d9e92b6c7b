"""Agents as rows; their secrets are stored sealed with the installation's key."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Any, Protocol

import asyncpg

from server.agents import Agent, Limits
from server.money import Money
from server.storage.connection import Connection, lent

CHANGED = "kvitok_agents"
"""The notification channel: whoever changes an agent notifies, every worker reads anew."""
AGENTS = "select * from ledger.agents order by name"


class Sealer(Protocol):
    """Encrypts and decrypts with the installation's key."""

    def seal(self, plain: bytes) -> bytes:
        """Authenticated encryption."""
        ...

    def unseal(self, sealed: bytes) -> bytes:
        """Raises ValueError when the key is not the one that sealed."""
        ...


async def agents(connection: Connection, sealer: Sealer) -> dict[str, Agent]:
    """Every agent that can be read, by its name."""
    found, _ = await read_agents(connection, sealer)
    return found


async def read_agents(
    connection: Connection, sealer: Sealer
) -> tuple[dict[str, Agent], dict[str, tuple[str, ...]]]:
    """Every agent by its name; and why those that are not among them cannot be read."""
    return agents_of([dict(row) for row in await connection.fetch(AGENTS)], sealer)


def agents_of(
    rows: Iterable[Mapping[str, Any]], sealer: Sealer
) -> tuple[dict[str, Agent], dict[str, tuple[str, ...]]]:
    """The same from rows of AGENTS."""
    found: dict[str, Agent] = {}
    unreadable: dict[str, tuple[str, ...]] = {}
    for row in rows:
        try:
            found[row["name"]] = _agent(row, sealer)
        except ValueError as error:
            unreadable[row["name"]] = (str(error),)
    return found, unreadable


def _agent(row: Mapping[str, Any], sealer: Sealer) -> Agent:
    return Agent(
        name=row["name"],
        protocol=row["protocol"],
        zone=row["zone"],
        limits=Limits(
            Money(row["amount_min_kopecks"]),
            Money(row["amount_max_kopecks"]),
            row["requests_per_second_max"],
            row["unknown_accounts_per_minute_max"],
            Money(row["account_day_max_kopecks"]),
            Money(row["hour_max_kopecks"]),
        ),
        title=row["title"],
        allow_list=tuple(ip_network(str(network)) for network in row["allow_list"]),
        secrets=_unseal(row["secrets"], sealer),
        settings=_texts(json.loads(row["settings"])),
        cut_off=row["cut_off"],
        match_window_days=row["match_window_days"],
        settlement_days=row["settlement_days"],
        paused=row["paused"],
    )


def _texts(settings: object) -> Mapping[str, str]:
    if not isinstance(settings, dict):
        raise ValueError("the settings are no JSON object")
    strange = [name for name, value in settings.items() if not isinstance(value, str)]
    if strange:
        raise ValueError(f"settings that are not texts: {', '.join(strange)}")
    return settings


def _unseal(sealed: bytes | None, sealer: Sealer) -> tuple[Mapping[str, str], ...]:
    return tuple(json.loads(sealer.unseal(sealed))) if sealed else ()


async def set_secrets(
    connection: Connection,
    sealer: Sealer,
    agent: str,
    secrets: Mapping[str, str],
) -> None:
    """Give an agent its first set of secrets; keeps what it has."""
    await connection.execute(
        "update ledger.agents set secrets = $2 where name = $1 and secrets is null",
        agent,
        sealer.seal(json.dumps([dict(secrets)]).encode()),
    )


async def change_secret(
    pool: asyncpg.Pool[asyncpg.Record], sealer: Sealer, agent: str, name: str, value: str
) -> None:
    """Put a changed set of secrets before the present one, which stays valid as the second.

    A repeat changes nothing: what it would push out is the set that stays valid.
    """
    async with lent(pool) as connection, connection.transaction():
        sealed = await connection.fetchval(
            "select secrets from ledger.agents where name = $1 for update", agent
        )
        current = dict(next(iter(_unseal(sealed, sealer)), {}))
        if current.get(name) == value:
            return
        renewed = json.dumps([current | {name: value}, current]).encode()
        await connection.execute(
            "update ledger.agents set secrets = $2 where name = $1", agent, sealer.seal(renewed)
        )
        await connection.execute("select pg_notify($1, $2)", CHANGED, agent)
