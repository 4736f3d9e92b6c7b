"""`kvitok allocation …`: by which rules payments settle charges."""

from __future__ import annotations

from dataclasses import asdict
from enum import Enum
from functools import partial
from typing import Annotated

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

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
from server.payments.allocation import Rule
from server.storage.allocation_rules import COMPANY, SUPPLIER, rule_rows, set_rule

app = typer.Typer(
    help=said("Which charges payments settle", "Какие начисления оплачивают платежи"),
    no_args_is_help=True,
)


class Whose(Enum):
    """Who has a rule."""

    COMPANY = COMPANY
    SUPPLIER = SUPPLIER


@app.command(help=said("Show the rules", "Показать правила"))
def rules(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Of every management company and every supplier."""
    rows = run(with_connection(find_servers(data), rule_rows))
    if as_json:
        print_json([asdict(row) for row in rows])
        return
    table = Table(said("whose", "чьё"), "№", said("name", "название"), said("rule", "правило"))
    table.add_column(said("for the rest", "для остального"))
    for row in rows:
        table.add_row(row.whose, str(row.id), row.name, row.rule, row.fallback)
    Console().print(table)


@app.command("set", help=said("Change a rule", "Изменить правило"))
def change(
    whose: Annotated[Whose, typer.Argument(help=said("whose rule", "чьё правило"))],
    number: Annotated[int, typer.Argument(metavar="ID", help=said("its number", "номер"))],
    rule: Annotated[Rule, typer.Argument(help=said("the rule", "правило"))],
    fallback: Annotated[
        Rule | None,
        typer.Option(help=said("under as_said, for the rest", "при as_said, для остального")),
    ] = None,
    data: DataOption = None,
) -> None:
    """It holds for what is allocated from now on; suppliers' rules within 30 seconds."""
    rest = fallback.value if fallback else ""
    try:
        work = partial(
            set_rule,
            whose=whose.value,
            number=number,
            rule=rule.value,
            fallback=rest,
            actor=actor(),
        )
        run(with_connection(find_servers(data), work))
    except LookupError:
        stop(EXIT_NO, said(f"there is no {whose.value} {number}", f"нет {whose.value} {number}"))
    except asyncpg.CheckViolationError:
        stop(EXIT_USAGE, said(f"{rule.value} does not fit here", f"{rule.value} здесь не подходит"))
    typer.echo(f"{whose.value} {number}: {rule.value}")
