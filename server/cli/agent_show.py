"""`kvitok agent list` and `show`: what agents may do, and what they did today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from functools import partial
from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from server.cli.agent_change import AgentArgument
from server.cli.context import (
    EXIT_NO,
    DataOption,
    JsonOption,
    find_servers,
    print_json,
    run,
    said,
    stop,
    with_connection,
)
from server.money import Money
from server.payments.calendar import Calendar
from server.reconciliation.overview import AgentEntry, AgentRow
from server.storage.calendar import calendar_days
from server.storage.connection import Connection
from server.storage.overview import agent_history, agent_row, agent_rows

Shown = tuple[AgentRow, tuple[AgentEntry, ...], dt.date]


def list_agents(data: DataOption = None, as_json: JsonOption = False) -> None:
    """All of them, with what they took today."""
    rows, said_days = run(with_connection(find_servers(data), _all))
    if as_json:
        print_json([shape(row, _settles(row, said_days)) for row in rows])
        return
    table = Table(said("agent", "агент"), said("protocol", "протокол"), said("state", "состояние"))
    table.add_column(said("today", "сегодня"), justify="right")
    table.add_column(said("sum", "сумма"), justify="right")
    table.add_column(said("cases", "дела"), justify="right")
    for row in rows:
        taken = str(Money(row.taken_kopecks))
        cells = (row.name, row.protocol or "—", _state(row), str(row.payments), taken)
        table.add_row(*cells, str(row.open_cases))
    Console().print(table)


def show(agent: AgentArgument, data: DataOption = None, as_json: JsonOption = False) -> None:
    """One of them, with its limits and what was done to it."""
    try:
        row, history, settles = run(with_connection(find_servers(data), partial(_one, agent)))
    except LookupError:
        stop(EXIT_NO, said(f"there is no agent {agent}", f"нет агента {agent}"))
    if as_json:
        print_json({**shape(row, settles), "history": [_entry(each) for each in history]})
        return
    typer.echo(f"{row.name}  {row.title}  {_state(row)}")
    for name, value in _lines(row, settles):
        typer.echo(f"  {name:<36} {value}")
    for each in history:
        at = each.happened_at.astimezone()
        typer.echo(f"  {at:%d.%m.%Y %H:%M}  {each.action}  {each.actor}  {each.reason}")


def shape(row: AgentRow, settles: dt.date) -> dict[str, Any]:
    """An agent in the JSON of the contract."""
    return {
        "agent": row.name,
        "title": row.title,
        "protocol": row.protocol,
        "zone": row.zone,
        "paused": row.paused,
        "paused_since": row.paused_since.isoformat() if row.paused_since else None,
        "pause_reason": row.pause_reason,
        "business_day": row.business_day.isoformat(),
        "settlement_day": settles.isoformat(),
        "payments": row.payments,
        "taken_kopecks": row.taken_kopecks,
        "hour_kopecks": row.hour_kopecks,
        "open_cases": row.open_cases,
        "open_suspicions": row.open_suspicions,
        "limits": {
            "amount_min_kopecks": row.amount_min_kopecks,
            "amount_max_kopecks": row.amount_max_kopecks,
            "account_day_max_kopecks": row.account_day_max_kopecks,
            "hour_max_kopecks": row.hour_max_kopecks,
            "requests_per_second_max": row.requests_per_second_max,
            "unknown_accounts_per_minute_max": row.unknown_accounts_per_minute_max,
        },
    }


async def _all(link: Connection) -> tuple[tuple[AgentRow, ...], Mapping[dt.date, bool]]:
    return await agent_rows(link), await calendar_days(link)


async def _one(name: str, link: Connection) -> Shown:
    row = await agent_row(link, name)
    return row, await agent_history(link, name), _settles(row, await calendar_days(link))


def _settles(row: AgentRow, said_days: Mapping[dt.date, bool]) -> dt.date:
    return Calendar(said_days).settlement_day(row.business_day, row.settlement_days)


def _state(row: AgentRow) -> str:
    return said("paused", "приостановлен") if row.paused else said("works", "работает")


def _lines(row: AgentRow, settles: dt.date) -> list[tuple[str, str]]:
    def most(kopecks: int) -> str:
        return str(Money(kopecks)) if kopecks else "—"

    return [
        (said("business day", "операционный день"), f"{row.business_day:%d.%m.%Y}"),
        (said("its money is due on", "деньги должны прийти"), f"{settles:%d.%m.%Y}"),
        (said("payments", "платежей"), f"{row.payments}, {Money(row.taken_kopecks)}"),
        (said("this hour", "за этот час"), most(row.hour_kopecks)),
        (said("least payment", "наименьший платёж"), most(row.amount_min_kopecks)),
        (said("largest payment", "наибольший платёж"), most(row.amount_max_kopecks)),
        (said("for one account a day", "на один счёт за день"), most(row.account_day_max_kopecks)),
        (said("altogether an hour", "всего за час"), most(row.hour_max_kopecks)),
        (said("open cases", "открытых дел"), str(row.open_cases)),
        (said("of them suspicions", "из них подозрений"), str(row.open_suspicions)),
    ]


def _entry(entry: AgentEntry) -> dict[str, Any]:
    return {
        "happened_at": entry.happened_at.isoformat(),
        "by": entry.actor,
        "action": entry.action,
        "reason": entry.reason,
        "details": entry.details,
    }
