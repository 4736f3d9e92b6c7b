"""Rows in PostgreSQL's COPY text form, gathered by the table that they go to."""

from __future__ import annotations

from dataclasses import dataclass

from server.demo.periods import MONTHS, Year


@dataclass(frozen=True, slots=True)
class Target:
    """A table, or with `month` that partition of it; text for its `columns`."""

    schema: str
    table: str
    columns: tuple[str, ...]
    month: str = ""

    @property
    def relation(self) -> str:
        """The table's own name, without the schema."""
        return f"{self.table}_{self.month}" if self.month else self.table

    @property
    def parent(self) -> str:
        """The table as it is known to everybody else."""
        return f"{self.schema}.{self.table}"


def _target(table: str, columns: str) -> Target:
    schema, name = table.split(".")
    return Target(schema, name, tuple(columns.split()))


ACCOUNTS = _target(
    "billing.accounts", "number holder address state unified_account house flat created_at"
)
METERS = _target("billing.meters", "account number service installed_on")
CHARGES = _target("billing.charges", "account service period amount_kopecks")
BILLED = _target("ledger.account_billed", "account state holder address services charged meters")
PAID = _target("ledger.account_paid", "account services paid advance")
KEYS = _target("ledger.payment_key", "agent agent_payment_id payment_id recorded_at fingerprint")
PAYMENTS = _target(
    "ledger.payment",
    "payment_id recorded_at agent agent_payment_id account amount_kopecks paid_at business_day"
    " part_services part_amounts terminal",
)
EVENTS = _target(
    "ledger.payment_event",
    "payment_id payment_recorded_at seq kind amount_kopecks happened_at business_day reason",
)
AMOUNTS = _target(
    "ledger.payment_amounts",
    "payment_id source recorded_at accepted_kopecks credited_kopecks withheld_kopecks"
    " transfer_kopecks",
)
READINGS = _target("ledger.reading", "account meter read_on value_thousandths source")
BY_MONTH = (CHARGES, PAYMENTS, EVENTS, READINGS)
WHOLE = (ACCOUNTS, METERS, BILLED, PAID, KEYS, AMOUNTS)


class Rows:
    """What a batch of accounts adds to every table; by month k where the table has months."""

    def __init__(self) -> None:
        self.accounts: list[bytes] = []
        self.meters: list[bytes] = []
        self.billed: list[bytes] = []
        self.paid: list[bytes] = []
        self.keys: list[bytes] = []
        self.amounts: list[bytes] = []
        self.charges: list[list[bytes]] = [[] for _ in range(MONTHS)]
        self.readings: list[list[bytes]] = [[] for _ in range(MONTHS)]
        self.payments: list[list[bytes]] = [[] for _ in range(MONTHS)]
        """By pay month; so are `events`."""
        self.events: list[list[bytes]] = [[] for _ in range(MONTHS)]

    def texts(self) -> list[bytes]:
        """One text for each of targets(), in their order."""
        whole = (self.accounts, self.meters, self.billed, self.paid, self.keys, self.amounts)
        by_month = (self.charges, self.payments, self.events, self.readings)
        months = [rows for table in by_month for rows in table]
        return [b"".join(rows) for rows in (*whole, *months)]


def targets(year: Year) -> list[Target]:
    """Where the texts of Rows go."""
    return [*WHOLE, *monthly_targets(year)]


def monthly_targets(year: Year) -> list[Target]:
    """The partitions that the year fills."""
    billed = [f"{first:%Y_%m}" for first in year.periods]
    payable = [f"{year.pay_month(k):%Y_%m}" for k in range(MONTHS)]
    return [
        Target(table.schema, table.table, table.columns, month)
        for table in BY_MONTH
        for month in (payable if table in (PAYMENTS, EVENTS) else billed)
    ]


def recorded_at(year: Year) -> list[tuple[Target, str, str]]:
    """Columns that are the same in all rows of a month, and so are no part of the text."""
    columns = {CHARGES.table: "created_at", READINGS.table: "recorded_at"}
    ends = {f"{first:%Y_%m}": year.end_of(k) for k, first in enumerate(year.periods)}
    return [
        (target, columns[target.table], f"{ends[target.month]} 18:00:00+00")
        for target in monthly_targets(year)
        if target.table in columns
    ]
