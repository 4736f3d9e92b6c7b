"""A town to reconcile in: agents, accounts, recorded payments; and short ways to say things."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from server.reconciliation.intake import RegistrySummary, Terms, Upload
from server.storage.connection import Connection
from server.storage.registries import import_registry

DAY = dt.date(2026, 11, 20)
MOSCOW = ZoneInfo("Europe/Moscow")
CLOSED = "9000001"
SUSPENDED = "9000003"


async def settle(connection: Connection, accounts: int = 50) -> None:
    """Accounts 1000001…, one closed, one suspended; agents osmp, bank and terminal."""
    await connection.execute(
        """
        insert into billing.management_companies (name, inn) values ('УК', '7700000000');
        insert into billing.suppliers (name, inn) values ('РСО', '7700000001');
        insert into billing.services (code, name, supplier) values ('water', 'Вода', 1);
        insert into ledger.agents (name, amount_min_kopecks, amount_max_kopecks)
          values ('osmp', 100, 1500000), ('bank', 100, 1500000), ('terminal', 100, 1500000);
        insert into billing.accounts (number, holder, address, state) values
          ('9000001', 'Петров Пётр', 'ул. Ленина, 1', 'closed'),
          ('9000003', 'Сидоров Сидор', 'ул. Ленина, 1', 'suspended');
        """
    )
    await connection.execute(
        "insert into billing.accounts (number, holder, address)"
        " select (1000000 + i)::text, 'Иванов Иван', 'ул. Ленина, 5'"
        " from generate_series(1, $1::integer) i",
        accounts,
    )


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as an agent makes it."""

    number: str
    account: str
    kopecks: int
    day: dt.date = DAY
    agent: str = "osmp"


async def pay(connection: Connection, payments: Sequence[Paid]) -> list[int]:
    """Record them, in batches as the server would; our payment ids."""
    ids = []
    for start in range(0, len(payments), 500):
        ids += await _post(connection, payments[start : start + 500])
    return ids


async def _post(connection: Connection, payments: Sequence[Paid]) -> list[int]:
    rows = await connection.fetch(
        "select u.outcome, n.payment_id from ledger.post_payments(true, $1::text[], $2::text[],"
        " $3::text[], $4::bigint[], $5::timestamptz[], $6::date[], $7::text[], $8::jsonb[]) u,"
        " unnest(u.numbers) with ordinality as n(payment_id, place) order by n.place",
        [paid.agent for paid in payments],
        [paid.number for paid in payments],
        [paid.account for paid in payments],
        [paid.kopecks for paid in payments],
        [dt.datetime.combine(paid.day, dt.time(12), MOSCOW) for paid in payments],
        [paid.day for paid in payments],
        [f"{paid.account}\x1f{paid.kopecks}\x1f" for paid in payments],
        ["{}"] * len(payments),
    )
    assert {row["outcome"] for row in rows} <= {"accepted"}, rows
    return [row["payment_id"] for row in rows]


async def cancel(connection: Connection, paid: Paid) -> None:
    """Undo a payment."""
    await connection.execute(
        "select ledger.move_payment('cancel', $1, $2, 0, $3, 'yes', 'test', 'test')",
        paid.agent,
        paid.number,
        paid.day,
    )


def pack_row(
    receipt: str, account: str, kopecks: int, day: dt.date = DAY, tail: str = "0|0|0|0.00||"
) -> str:
    """One `@@@` row."""
    return (
        f"@@@|{receipt}|УК12|33|2|{account}|{day:%d.%m.%Y}|01.{day:%m.%Y}|0000|0.00|"
        f"{kopecks // 100}.{kopecks % 100:02d}|{tail}"
    )


def pack(
    *rows: str, number: int = 1, day: dt.date = DAY, total: int | None = None, name: str = ""
) -> Upload:
    """A single pack; the declared total is that of the rows unless another is given."""
    kopecks = sum(int(row.split("|")[10].replace(".", "")) for row in rows)
    declared = kopecks if total is None else total
    head = (
        f"###|Банк «Пример»|РЦ7|{number}|{day:%d.%m.%Y}|{day:%d.%m.%Y}|{len(rows)}|0.00|"
        f"{declared // 100}.{declared % 100:02d}|0|0.00|0|!1.00|"
    )
    content = "".join(line + "\r\n" for line in (head, *rows))
    return Upload.of(name or f"GKH7E{day:%d}.txt", content.encode("cp1251"))


def qiwi_row(number: str, account: str, kopecks: int, day: dt.date = DAY) -> str:
    """One TAB-separated row."""
    return f"{number}\t{day:%d.%m.%Y}\t12:00:00\t{account}\t{kopecks // 100}.{kopecks % 100:02d}"


def qiwi(*rows: str, day: dt.date = DAY, number: int = 1) -> Upload:
    """A day's registry with its total."""
    kopecks = sum(int(row.split("\t")[4].replace(".", "")) for row in rows)
    total = f"Total:\t{len(rows)}\t{kopecks // 100}.{kopecks % 100:02d}"
    content = "".join(line + "\r\n" for line in (*rows, total))
    return Upload.of(f"QIWI_7_{day:%Y%m%d}{number}.csv", content.encode())


def sber(
    *rows: tuple[str, str, int, int], day: dt.date = DAY, payer: bool = False, number: int = 1
) -> Upload:
    """Сбербанк's file: operation, account, kopecks, fee; the payer's on top, or kept back."""

    def row(operation: str, account: str, kopecks: int, fee: int) -> str:
        transfer = kopecks if payer else kopecks - fee
        sums = ";".join(f"{each // 100},{each % 100:02d}" for each in (kopecks, transfer, fee))
        return f"{day:%d-%m-%Y};12-00-00;8047;A;{operation};{account};;;{day:%m%Y};[!];[!];;{sums}"

    total = sum(kopecks for _, _, kopecks, _ in rows)
    last = f"=;{len(rows)};{total // 100},{total % 100:02d}"
    content = "".join(line + "\r\n" for line in (*(row(*each) for each in rows), last))
    return Upload.of(f"EPS{number:012}.txt", content.encode("cp1251"))


async def take_in(
    connection: Connection,
    upload: Upload,
    agent: str,
    *,
    strict: bool = True,
    dry_run: bool = False,
) -> RegistrySummary:
    """Import it."""
    return await import_registry(
        connection, upload, agent=agent, actor="anna", terms=Terms(strict), dry_run=dry_run
    )
