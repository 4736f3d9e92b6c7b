"""`kvitok agent set`, `pause`, `resume`: each with a row in the audit, heard of by all workers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import Annotated

import asyncpg
import typer

from server.agent_faults import agent_faults
from server.cli.context import (
    EXIT_NO,
    EXIT_USAGE,
    DataOption,
    actor,
    find_servers,
    run,
    said,
    stop,
    with_connection,
)
from server.config import Settings
from server.money import Money
from server.protocols import load
from server.sealing import Untouched
from server.storage.agent_changes import change_agent, set_paused
from server.storage.agents import read_agents
from server.storage.connection import Connection

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help=said("agent", "агент"))]
ReasonOption = Annotated[str, typer.Option(help=said("why, for the audit", "причина, для аудита"))]


def _kopecks(text: str) -> int:
    return Money.parse(text).kopecks


_FIELDS: Mapping[str, tuple[str, Callable[[str], object]]] = {
    "title": ("title", str),
    "zone": ("zone", str),
    "cut_off": ("cut_off", dt.time.fromisoformat),
    "allow_list": ("allow_list", lambda text: [ip_network(each) for each in text.split()]),
    "amount_min": ("amount_min_kopecks", _kopecks),
    "amount_max": ("amount_max_kopecks", _kopecks),
    "account_day_max": ("account_day_max_kopecks", _kopecks),
    "hour_max": ("hour_max_kopecks", _kopecks),
    "requests_per_second_max": ("requests_per_second_max", int),
    "unknown_accounts_per_minute_max": ("unknown_accounts_per_minute_max", int),
    "match_window_days": ("match_window_days", int),
    "settlement_days": ("settlement_days", int),
}
"""What every agent has: its column, and how its value is read. Sums are in roubles."""


class _Faulty(Exception):
    """The agent would not be served any more; nothing was changed."""


def change(
    agent: AgentArgument,
    values: Annotated[
        list[str],
        typer.Argument(metavar="NAME=VALUE", help=said("what to set", "что задать")),
    ],
    reason: ReasonOption = "",
    data: DataOption = None,
) -> None:
    """NAME= forgets a setting. Exit code 2 when the agent would then have a fault."""
    try:
        fields, settings = _read(values)
        run(
            with_connection(
                find_servers(data), lambda link: _change(link, agent, fields, settings, reason)
            )
        )
    except LookupError:
        stop(EXIT_NO, said(f"there is no agent {agent}", f"нет агента {agent}"))
    except (ValueError, asyncpg.DataError, asyncpg.IntegrityConstraintViolationError) as error:
        stop(EXIT_USAGE, str(error))
    except _Faulty as error:
        stop(EXIT_USAGE, said(f"nothing is changed: {error}", f"ничего не изменено: {error}"))
    typer.echo(said(f"{agent} is changed", f"агент {agent} изменён"))


def pause(
    agent: AgentArgument,
    reason: Annotated[str, typer.Option(help=said("why, for the audit", "причина"))],
    data: DataOption = None,
) -> None:
    """Its new payments hear "try later" from now on; repeats and checks are answered."""
    _set_paused(find_servers(data), agent, reason, paused=True)


def resume(agent: AgentArgument, reason: ReasonOption = "", data: DataOption = None) -> None:
    """Ends a pause."""
    _set_paused(find_servers(data), agent, reason, paused=False)


def _set_paused(settings: Settings, agent: str, reason: str, *, paused: bool) -> None:
    try:
        run(
            with_connection(
                settings, lambda link: set_paused(link, agent, actor(), reason, paused=paused)
            )
        )
    except LookupError:
        stop(EXIT_NO, said(f"there is no agent {agent}", f"нет агента {agent}"))
    word = said("is paused", "приостановлен") if paused else said("goes on", "работает")
    typer.echo(f"{agent} {word}")


def _read(values: list[str]) -> tuple[dict[str, object], dict[str, str]]:
    """(columns, settings). Raises ValueError."""
    fields: dict[str, object] = {}
    settings: dict[str, str] = {}
    for text in values:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise ValueError(f"NAME=VALUE: {text}")
        if name in _FIELDS:
            column, read = _FIELDS[name]
            fields[column] = read(value)
        else:
            settings[name] = value
    return fields, settings


async def _change(
    link: Connection,
    agent: str,
    fields: Mapping[str, object],
    settings: Mapping[str, str],
    reason: str,
) -> None:
    """Raises LookupError or _Faulty; then nothing has happened, and nobody has heard of it."""
    async with link.transaction():
        was = await link.fetchval(
            "select settings from ledger.agents where name = $1 for update", agent
        )
        if was is None:
            raise LookupError(agent)
        changed = dict(fields)
        if settings:
            merged = {**json.loads(was), **settings}
            changed["settings"] = {name: value for name, value in merged.items() if value}
        await change_agent(link, agent, changed, actor(), reason)
        found, unreadable = await read_agents(link, Untouched())
        faults = unreadable.get(agent) or agent_faults(found[agent], load(), is_sealed=True)
        if faults:
            raise _Faulty("; ".join(faults))
