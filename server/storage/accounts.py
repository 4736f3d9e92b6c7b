"""One account as PostgreSQL has it, from its two lanes."""

from __future__ import annotations

import datetime as dt

from server.accounts import AccountState, AccountView, Meter, ServiceTurnover, spread_advance
from server.money import Money
from server.storage.catalogue import ServiceRecord, services
from server.storage.connection import Connection


async def account_view(connection: Connection, number: str) -> AccountView | None:
    """As a check shows it; None when there is no such account."""
    row = await connection.fetchrow(_LANES, number)
    if row is None:
        return None
    catalogue = await services(connection)
    charged = dict(zip(row["billed_services"], row["charged"], strict=True))
    paid = dict(zip(row["paid_services"], row["paid"], strict=True))
    turnovers = tuple(
        ServiceTurnover(
            catalogue[service].code,
            catalogue[service].name,
            Money(charged.get(service, 0)),
            Money(paid.get(service, 0)),
        )
        for service in sorted(charged.keys() | paid.keys())
    )
    return AccountView(
        account=number,
        state=AccountState(row["state"]),
        holder=row["holder"],
        address=row["address"],
        charged=Money(sum(charged.values())),
        paid=Money(sum(paid.values()) + row["advance"]),
        version=row["version"],
        services=spread_advance(turnovers, Money(row["advance"])),
        meters=tuple(_meter(line, catalogue) for line in row["meters"].splitlines()),
    )


async def active_numbers(connection: Connection, count_max: int) -> list[str]:
    """Numbers of some accounts that take payments."""
    rows = await connection.fetch(
        "select account from ledger.account_billed where state = 'active' limit $1", count_max
    )
    return [row["account"] for row in rows]


def _meter(line: str, catalogue: dict[int, ServiceRecord]) -> Meter:
    number, service, reading, date = line.split("\t")
    record = catalogue[int(service)]
    return Meter(
        meter=number,
        service=record.code,
        service_name=record.name,
        unit=record.unit,
        last_reading=int(reading) if reading else None,
        last_date=dt.date.fromisoformat(date) if date else None,
    )


_LANES = """
select b.state, b.holder, b.address, b.services as billed_services, b.charged, b.meters,
       p.services as paid_services, p.paid, p.advance, b.version + p.version as version
  from ledger.account_billed b join ledger.account_paid p on p.account = b.account
 where b.account = $1
"""
