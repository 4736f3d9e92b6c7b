"""An office on a real PostgreSQL: people, a few accounts, payments, and a file with every kind of
mismatch. Used by the API tests and by the browser tests."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from aiohttp import web
from aiohttp.test_utils import TestServer

from server.accounts import AccountView
from server.api.bodies import WITHIN_SECONDS
from server.api.office import OfficeSettings
from server.api.office_routes import office_routes
from server.api.openapi import openapi_routes
from server.api.passwords import Passwords, password_hash
from server.api.sessions import Sessions
from server.money import Money
from server.pages import page_headers, page_routes
from server.payments.ports import Order, PaidLane
from server.reconciliation.posting import PublishedLedger
from server.staff import Role, Staff
from server.storage import catalogue
from server.storage.dossiers import PostgresDossiers
from server.storage.ledger import PostgresLedger
from server.storage.mismatches import PostgresCases
from server.storage.overview import PostgresOverview
from server.storage.staff import StaffBook, add_staff
from server.storage.workbench import PostgresWorkbench

DAY = dt.datetime.now(dt.UTC).astimezone(dt.timezone(dt.timedelta(hours=3))).date()
PEOPLE = (
    Staff("accountant", "Вера Демина", Role.ACCOUNTANT, demo=True),
    Staff("galina", "Галина Орлова", Role.ACCOUNTANT, demo=True),
    Staff("controller", "Пётр Сомов", Role.CONTROLLER, demo=True),
    Staff("admin", "Администратор", Role.ADMIN, demo=True),
)
ONLINE = (
    ("90000000001", "1000001", 152_340, 0),
    ("90000000002", "1000001", 20_000, 0),
    ("90000000003", "1000002", 5_000, 0),
    ("90000000004", "1000002", 7_500, 0),
    ("90000000005", "1000001", 33_000, 0),
    ("90000000006", "1000002", 41_250, 0),
    ("90000000007", "1000004", 98_000, 0),
)
"""agent_payment_id, account, kopecks, days back: what came online through osmp."""
_DOCS = Path(__file__).parents[2] / "office_ui" / "docs" / "index.html"
_TOWN = """
insert into billing.management_companies (name, inn) values ('УК «Садовая»', '7700000000');
insert into billing.suppliers (name, inn) values ('Водоканал', '7700000001');
insert into billing.services (code, name, supplier, unit)
  values ('water', 'Холодная вода', 1, 'м³'), ('heating', 'Отопление', 1, 'Гкал');
insert into billing.accounts (number, holder, address, state) values
  ('1000001', 'Иванов Иван Иванович', 'ул. Садовая, д. 5, кв. 12', 'active'),
  ('1000002', 'ООО "Рога & Копыта" <филиал>', 'ул. Садовая, д. 5, пом. 1', 'active'),
  ('1000003', 'Петрова Анна Сергеевна', 'ул. Садовая, д. 7, кв. 1', 'closed'),
  ('1000004', 'Сидоров Пётр Олегович', 'ул. Лесная, д. 18, корп. 2, кв. 144', 'active'),
  ('1000005', 'Кузнецова Мария Ильинична', 'ул. Лесная, д. 18, корп. 2, кв. 7', 'active');
insert into ledger.agents (name, title, zone, amount_min_kopecks, amount_max_kopecks) values
  ('osmp', 'Терминалы «Осмп»', 'Europe/Moscow', 100, 1500000),
  ('bank', 'Банк «Волга»', 'Europe/Moscow', 100, 1500000);
"""


@dataclass(frozen=True, slots=True)
class Office:
    """A running office."""

    url: str
    pool: asyncpg.Pool[asyncpg.Record]
    published: list[PaidLane]


class Shown:
    """Accounts that remember what was published."""

    def __init__(self, published: list[PaidLane]) -> None:
        self._published = published

    async def find(self, number: str) -> AccountView | None:
        raise AssertionError("the office does not ask for checks")

    async def publish(self, lanes: Sequence[PaidLane]) -> None:
        self._published.extend(lanes)


class NoSealer:
    """No agent here has secrets."""

    def seal(self, plain: bytes) -> bytes:
        return plain

    def unseal(self, sealed: bytes) -> bytes:
        return sealed


@asynccontextmanager
async def opened(
    dsn: str,
    *,
    second_person_above: Money | None = None,
    port: int | None = None,
    within_seconds: float = 60,
) -> AsyncIterator[Office]:
    """The office, with its people, its town and the online payments of the day."""
    pool = await asyncpg.create_pool(dsn, min_size=2, max_size=8)
    ledger = await _settle(pool)
    published: list[PaidLane] = []
    passwords = Passwords()
    application = web.Application(middlewares=[page_headers])
    application[WITHIN_SECONDS] = within_seconds
    application.add_routes(
        office_routes(
            PostgresWorkbench(pool),
            PostgresCases(pool),
            PostgresOverview(pool),
            PostgresDossiers(pool),
            PublishedLedger(ledger, Shown(published)),
            Sessions(StaffBook(pool), passwords, lambda: dt.datetime.now(dt.UTC), demo=True),
            OfficeSettings(registry_bytes_max=1 << 20, second_person_above=second_person_above),
        )
    )
    application.add_routes(openapi_routes("0", _DOCS))
    application.add_routes(page_routes())
    server = TestServer(application, port=port)
    await server.start_server(lingering_time=min(10.0, within_seconds))
    yield Office(str(server.make_url("")).rstrip("/"), pool, published)
    await server.close()
    await ledger.finish()
    passwords.close()
    await pool.close()


async def _settle(pool: asyncpg.Pool[asyncpg.Record]) -> PostgresLedger:
    async with pool.acquire() as connection:
        await connection.execute(_TOWN)
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " select '100000' || n, s, date_trunc('month', now())::date, 100000 + n * 12345"
            " from generate_series(1, 5) n, unnest(array['water', 'heating']) s"
        )
        for person in PEOPLE:
            await add_staff(connection, person, password_hash("demo"))
        services = await catalogue.services(connection)
    ledger = PostgresLedger(pool, {each.code: each.id for each in services.values()}, NoSealer())
    for agent_payment_id, account, kopecks, days_back in ONLINE:
        day = DAY - dt.timedelta(days=days_back)
        await ledger.post(
            Order(
                agent="osmp",
                agent_payment_id=agent_payment_id,
                account=account,
                amount=Money(kopecks),
                paid_at=dt.datetime.combine(day, dt.time(7, 15), dt.UTC),
                business_day=day,
            )
        )
    return ledger


def at(hour: int, minute: int) -> dt.datetime:
    """A moment of the day, by UTC."""
    return dt.datetime.combine(DAY, dt.time(hour, minute), dt.UTC)


def line(
    operation: str, account: str, amount: str, *, at: str = "10:15:00", days_back: int = 0
) -> str:
    """A row as QIWI writes it."""
    return f"{operation}\t{DAY - dt.timedelta(days=days_back)}\t{at}\t{account}\t{amount}"


def registry(rows: Sequence[str], total: str, count: int | None = None) -> bytes:
    """A QIWI file."""
    last = f"Total:\t{len(rows) if count is None else count}\t{total}"
    return "\r\n".join([*rows, last, ""]).encode()


NAME = f"QIWI_7001_{DAY:%Y%m%d}.csv"
CLEAN = registry(
    [
        line("90000000001", "1000001", "1523.40"),
        line("90000000002", "1000001", "200.00"),
        line("90000000003", "1000002", "50.00"),
        line("90000000004", "1000002", "75.00"),
        line("90000000005", "1000001", "330.00"),
        line("90000000006", "1000002", "412.50"),
        line("90000000007", "1000004", "980.00"),
    ],
    "3570.90",
)
FAULTY = registry(
    [
        line("90000000001", "1000001", "1523.40"),
        line("90000000002", "1000001", "250.00"),  # AMOUNT_DIFFERS: we have 200.00
        line("90000000003", "1000001", "50.00"),  # ACCOUNT_DIFFERS: we have 1000002
        line("90000000005", "1000001", "330.00", days_back=9),  # DATE_DIFFERS
        line("90000000006", "1000002", "412.50"),
        line("90000000007", "1000004", "980.00"),
        line("90000000101", "1000004", "1250.00"),  # NOT_RECORDED
        line("90000000102", "1000040", "640.00"),  # UNIDENTIFIED
        line("90000000103", "1000003", "315.70"),  # CLOSED_ACCOUNT
        line("90000000101", "1000004", "1250.00", at="10:15:40"),  # DUPLICATE_LINE
        f"90000000104\t{DAY}\t11:02:00\t1000005\t12О.00",  # BAD_LINE: a letter in the sum
        f"90000000105\t{DAY}\t25:70:00\t1000005\t500.00",  # BAD_LINE: no such time
    ],
    "7500.00",  # TOTAL_DIFFERS
)  # NOT_IN_REGISTRY: 90000000004
"""One mismatch of every kind."""


def of_another_day(days_back: int) -> tuple[str, bytes]:
    """Name and content of an earlier day's file: two payments that never came online."""
    day = DAY - dt.timedelta(days=days_back)
    rows = [
        line(f"9{days_back:010}{place}", account, "2315.75", days_back=days_back)
        for place, account in enumerate(("1000001", "1000005"))
    ]
    return f"QIWI_7001_{day:%Y%m%d}.csv", registry(rows, "4631.50")
