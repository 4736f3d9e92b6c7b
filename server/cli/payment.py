"""`kvitok payment …`"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from server.cli import payment_show
from server.cli.context import (
    EXIT_USAGE,
    DataOption,
    JsonOption,
    find_servers,
    print_json,
    run,
    said,
    stop,
    with_connection,
)
from server.messages import Payment
from server.storage.ledger import payments

app = typer.Typer(help=said("Recorded payments", "Учтённые платежи"), no_args_is_help=True)


app.command("show", help=said("Show a payment", "Показать платёж"))(payment_show.show)


@app.command("list", help=said("List payments", "Показать платежи"))
def list_payments(
    agent: Annotated[str | None, typer.Option(help=said("agent", "агент"))] = None,
    account: Annotated[str | None, typer.Option(help=said("account", "лицевой счёт"))] = None,
    date: Annotated[
        str | None,
        typer.Option(help=said("business day YYYY-MM-DD", "операционный день ГГГГ-ММ-ДД")),
    ] = None,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """All filters together; times with offset."""
    day = _day(date)
    found = run(
        with_connection(
            find_servers(data),
            lambda connection: payments(connection, agent=agent, account=account, day=day),
        )
    )
    if as_json:
        print_json([shape(payment) for payment in found])
    else:
        _print_table(found)


def shape(payment: Payment) -> dict[str, Any]:
    """A payment in the JSON of the contract."""
    return {
        "payment_id": payment.payment_id,
        "agent": payment.agent,
        "agent_payment_id": payment.agent_payment_id,
        "account": payment.account,
        "amount_kopecks": payment.amount.kopecks,
        "paid_at": payment.paid_at.isoformat(),
        "recorded_at": payment.recorded_at.isoformat(),
        "state": payment.state.value,
    }


def _day(text: str | None) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError:
        stop(EXIT_USAGE, said(f"not a date: {text}", f"не дата: {text}"))


def _print_table(found: tuple[Payment, ...]) -> None:
    table = Table("№", said("agent", "агент"), said("account", "счёт"), said("paid", "оплачен"))
    table.add_column(said("sum", "сумма"), justify="right")
    table.add_column(said("state", "состояние"))
    for payment in found:
        table.add_row(
            str(payment.payment_id),
            payment.agent,
            payment.account,
            payment.paid_at.strftime("%d.%m.%Y %H:%M"),
            str(payment.amount),
            payment.state.value,
        )
    Console().print(table)
