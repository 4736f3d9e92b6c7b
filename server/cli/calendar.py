"""`kvitok calendar …`: the working days of a year, as its official calendar says."""

from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from server.cli.context import (
    EXIT_NO,
    EXIT_USAGE,
    DataOption,
    JsonOption,
    actor,
    find_servers,
    print_json,
    run,
    said,
    stop,
    with_connection,
)
from server.payments.calendar import Calendar
from server.storage.calendar import calendar_days, load_year

app = typer.Typer(help=said("Working days", "Рабочие дни"), no_args_is_help=True)
_KEYS = {"source", "year", "days_off", "working_days"}


@app.command(help=said("Load the calendar of a year", "Загрузить календарь года"))
def load(
    file: Annotated[Path, typer.Argument(help=said("TOML file", "файл TOML"), exists=True)],
    data: DataOption = None,
) -> None:
    """Replaces what was loaded for that year."""
    try:
        year, days, source = read_year(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        stop(EXIT_USAGE, f"{file}: {error}")
    run(
        with_connection(
            find_servers(data), lambda link: load_year(link, year, days, source, actor())
        )
    )
    typer.echo(said(f"{year}: {len(days)} exceptions", f"{year}: исключений {len(days)}"))


@app.command(help=said("Show the exceptions of a year", "Показать исключения года"))
def show(
    year: Annotated[int, typer.Argument(help=said("the year", "год"), min=2000, max=2099)],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is loaded for it. Exit code 1 when nothing is."""
    days = run(with_connection(find_servers(data), calendar_days))
    of_year = {day: working for day, working in days.items() if day.year == year}
    months = [_working_days(Calendar(days), year, month) for month in range(1, 13)]
    if as_json:
        off = [str(day) for day, working in of_year.items() if not working]
        worked = [str(day) for day, working in of_year.items() if working]
        print_json({"year": year, "days_off": off, "working_days": worked, "by_month": months})
    else:
        for day, working in of_year.items():
            word = said("worked", "рабочий") if working else said("off", "выходной")
            typer.echo(f"{day:%d.%m.%Y}  {word}")
        typer.echo(said("working days by month: ", "рабочих дней по месяцам: ") + _joined(months))
    if not of_year:
        stop(EXIT_NO, said(f"nothing is loaded for {year}", f"на {year} год ничего не загружено"))


def read_year(said_of: dict[str, Any]) -> tuple[int, dict[dt.date, bool], str]:
    """(year, whether each day is a working one, source). Raises ValueError."""
    if strange := said_of.keys() - _KEYS:
        raise ValueError(f"unknown keys: {', '.join(sorted(strange))}")
    year, source = said_of.get("year"), said_of.get("source")
    if not isinstance(year, int) or not isinstance(source, str) or not source.strip():
        raise ValueError("year and source are needed")
    days: dict[dt.date, bool] = {}
    for key, is_working in (("days_off", False), ("working_days", True)):
        for day in said_of.get(key, []):
            if not isinstance(day, dt.date) or isinstance(day, dt.datetime) or day.year != year:
                raise ValueError(f"{key}: {day} is no day of {year}")
            if day in days:
                raise ValueError(f"{day} is named twice")
            days[day] = is_working
    return year, days, source.strip()


def _working_days(calendar: Calendar, year: int, month: int) -> int:
    first = dt.date(year, month, 1)
    days = [first + dt.timedelta(days=n) for n in range(31)]
    return sum(calendar.is_working(day) for day in days if day.month == month)


def _joined(months: list[int]) -> str:
    return ", ".join(map(str, months))
