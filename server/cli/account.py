"""`kvitok account …`"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from server.accounts import AccountView
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
from server.cli.payment_show import settled_lines, settled_shape
from server.reconciliation.dossier import Settled
from server.storage.accounts import account_view
from server.storage.connection import Connection
from server.storage.dossiers import settled_of_account

app = typer.Typer(help=said("Accounts", "Лицевые счета"), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `show` a command of its own."""


@app.command(help=said("Show an account as PostgreSQL has it", "Показать лицевой счёт"))
def show(
    number: Annotated[str, typer.Argument(help=said("account number", "номер счёта"))],
    allocation: Annotated[
        bool,
        typer.Option(
            "--allocation",
            help=said("also which charges were settled, line by line", "и что чем оплачено"),
        ),
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Σ services = debt = charged − paid."""
    view, settled = run(
        with_connection(find_servers(data), lambda link: _read(link, number, allocation))
    )
    if view is None:
        stop(EXIT_NO, said(f"there is no account {number}", f"нет лицевого счёта {number}"))
    if as_json:
        told = {"allocation": [settled_shape(each) for each in settled]} if allocation else {}
        print_json({**shape(view), **told})
        return
    typer.echo(f"{view.account}  {view.state.value}  {view.holder}, {view.address}")
    for service in view.services:
        typer.echo(f"  {service.name:<40} {service.debt!s:>14}")
    typer.echo(f"  {said('debt', 'долг'):<40} {view.debt!s:>14}")
    for meter in view.meters:
        reading = "—" if meter.last_reading is None else thousandths(meter.last_reading)
        typer.echo(f"  {meter.service_name}, № {meter.meter}: {reading} {meter.unit}")
    for text in settled_lines(settled, numbered=True):
        typer.echo(text)


async def _read(
    link: Connection, number: str, allocation: bool
) -> tuple[AccountView | None, tuple[Settled, ...]]:
    view = await account_view(link, number)
    return view, await settled_of_account(link, number) if allocation else ()


def shape(view: AccountView) -> dict[str, Any]:
    """An account in the JSON of the contract."""
    return {
        "account": view.account,
        "state": view.state.value,
        "debt_kopecks": view.debt.kopecks,
        "charged_kopecks": view.charged.kopecks,
        "paid_kopecks": view.paid.kopecks,
        "version": view.version,
        "services": [
            {"service": each.service, "name": each.name, "debt_kopecks": each.debt.kopecks}
            for each in view.services
        ],
        "meters": [
            {
                "meter": each.meter,
                "service": each.service,
                "last_reading": None
                if each.last_reading is None
                else thousandths(each.last_reading),
                "last_date": each.last_date.isoformat() if each.last_date else None,
            }
            for each in view.meters
        ],
    }


def thousandths(value: int) -> str:
    """A reading for people: 123.456, 123 without needless zeros."""
    whole, rest = divmod(value, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".") if rest else str(whole)
