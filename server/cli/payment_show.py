"""`kvitok payment show`: one payment, with everything that became of its money."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any

import typer

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
from server.reconciliation.dossier import Dossier, Settled
from server.storage.calendar import calendar_days
from server.storage.connection import Connection
from server.storage.dossiers import payment_dossier

_AMOUNTS = ("accepted", "payer_fee", "credited", "withheld", "transfer")


def show(
    payment_id: Annotated[int, typer.Argument(metavar="ID", help=said("our number", "наш номер"))],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """What it settled, line by line; settled + left + waiting = credited."""
    try:
        dossier, due = run(with_connection(find_servers(data), partial(_read, payment_id)))
    except LookupError:
        stop(EXIT_NO, said(f"there is no payment {payment_id}", f"нет платежа {payment_id}"))
    if as_json:
        print_json(shape(dossier, due))
    else:
        for text in _lines(dossier, due):
            typer.echo(text)


def settled_lines(settled: Iterable[Settled], *, numbered: bool = False) -> Iterator[str]:
    """A line of text for each; `numbered` by payment."""
    for each in settled:
        payment = f"{each.payment_id:<10} " if numbered else ""
        period = f"{each.period:%m.%Y}"
        yield f"  {payment}{each.name:<40} {period}  {each.rule:<14}{_sum(each.kopecks)}"


def settled_shape(each: Settled) -> dict[str, Any]:
    """A line in the JSON of the contract."""
    return {
        "payment_id": each.payment_id,
        "service": each.service,
        "period": f"{each.period:%Y-%m}",
        "kopecks": each.kopecks,
        "rule": each.rule,
        "allocated_at": each.allocated_at.isoformat(),
    }


def shape(dossier: Dossier, due: dt.date) -> dict[str, Any]:
    """A payment in the JSON of the contract."""
    payment = dossier.payment
    return {
        "payment_id": payment.payment_id,
        "agent": payment.agent,
        "agent_payment_id": payment.agent_payment_id,
        "account": payment.account,
        "amount_kopecks": payment.amount_kopecks,
        "paid_at": payment.paid_at.isoformat(),
        "recorded_at": payment.recorded_at.isoformat(),
        "state": payment.state,
        "business_day": payment.business_day.isoformat(),
        "settlement_day": due.isoformat(),
        "terminal": dossier.terminal,
        "credited_kopecks": dossier.credited_kopecks,
        "settled": [settled_shape(each) for each in dossier.settled],
        "left": [{"service": each.service, "kopecks": each.kopecks} for each in dossier.left],
        "waiting_kopecks": dossier.waiting_kopecks,
        "amounts": [
            {**asdict(each), "recorded_at": each.recorded_at.isoformat()}
            for each in dossier.amounts
        ],
        "events": [
            {
                "kind": each.kind,
                "kopecks": each.kopecks,
                "happened_at": each.happened_at.isoformat(),
                "business_day": each.business_day.isoformat(),
                "by": each.actor,
                "reason": each.reason,
            }
            for each in dossier.happenings
        ],
    }


async def _read(payment_id: int, link: Connection) -> tuple[Dossier, dt.date]:
    dossier = await payment_dossier(link, payment_id)
    if dossier is None:
        raise LookupError(payment_id)
    calendar = Calendar(await calendar_days(link))
    day = dossier.payment.business_day
    return dossier, calendar.settlement_day(day, dossier.settlement_days)


def _lines(dossier: Dossier, due: dt.date) -> Iterator[str]:
    payment = dossier.payment
    yield f"{payment.payment_id}  {payment.agent} {payment.agent_payment_id}  {payment.state}"
    yield _fact(said("account", "счёт"), payment.account)
    yield _fact(said("paid", "оплачен"), f"{payment.paid_at.astimezone():%d.%m.%Y %H:%M}")
    yield _fact(said("business day", "операционный день"), f"{payment.business_day:%d.%m.%Y}")
    yield _fact(said("its money is due on", "деньги должны прийти"), f"{due:%d.%m.%Y}")
    yield from settled_lines(dossier.settled)
    for each in dossier.left:
        yield _last(each.name or said("advance", "аванс"), each.kopecks)
    if dossier.waiting_kopecks:
        yield _last(said("not allocated yet", "ещё не разнесено"), dossier.waiting_kopecks)
    yield _last(said("on the account", "на счёте"), dossier.credited_kopecks)
    for amounts in dossier.amounts:
        sums = [f"{name} {Money(getattr(amounts, f'{name}_kopecks'))}" for name in _AMOUNTS]
        yield f"  {amounts.source}: {', '.join(sums)}"
    for event in dossier.happenings:
        at = event.happened_at.astimezone()
        yield f"  {at:%d.%m.%Y %H:%M}  {event.kind}  {event.actor}  {event.reason}"


def _fact(name: str, value: str) -> str:
    return f"  {name:<40} {value}"


def _last(name: str, kopecks: int) -> str:
    return f"  {name:<63}{_sum(kopecks)}"


def _sum(kopecks: int) -> str:
    return f"{Money(kopecks)!s:>14}"
