"""The fixed accounts that docs/contract.md promises. What they owe does not depend on the day:
the last of their bills that is paid is the one before last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from server.demo.accounts import Meter, Registrar
from server.demo.bills import Bills
from server.demo.catalogue import COLD_WATER, ELECTRICITY, HEATING, MAINTENANCE, WASTE
from server.demo.houses import fixed_address
from server.demo.payments import NOTHING, SLOTS, Cashier, Visit
from server.demo.periods import MONTHS, Year
from server.demo.rows import Rows

_READING_DAY = 20
_PAY_DAY = 10
_LUCK = 104_729


@dataclass(frozen=True, slots=True)
class FixedAccount:
    """One of them; the same bill in each of `periods`, kopecks by service."""

    number: str
    holder: str
    shown_holder: str
    house: int
    """Its place in FIXED_HOUSES."""
    flat: str
    """Empty = the whole house is theirs."""
    bill: Mapping[int, int]
    bills_paid: int
    on_account: int = 0
    """Kopecks paid in the year's first month without naming a service."""
    periods: range = range(MONTHS)
    state: str = "active"
    meters: tuple[Meter, ...] = ()
    used: Mapping[int, int] = field(default_factory=dict)
    """A month's use by metered service, in thousandths of its unit."""

    def bills(self, year: Year) -> Bills:
        """Its twelve bills, empty ones outside `periods`."""
        services = tuple(sorted(self.bill))
        months = tuple(
            tuple(self.bill[service] if k in self.periods else 0 for service in services)
            for k in range(MONTHS)
        )
        used = {service: (volume,) * MONTHS for service, volume in self.used.items()}
        return Bills(year, services, months, used)

    def addresses(self) -> tuple[bytes, bytes]:
        """In full, and as shown."""
        address = fixed_address(self.house)
        if not self.flat:
            return address.encode(), address.encode()
        return f"{address}, кв. {self.flat}".encode(), f"{address}, кв. ***".encode()


def write_fixed(rows: Rows, year: Year, cashier: Cashier, first_place: int) -> None:
    """All of them, in the places from `first_place` on."""
    registrar = Registrar(year)
    for place, account in enumerate(FIXED_ACCOUNTS, first_place):
        number, bills = account.number.encode(), account.bills(year)
        address, shown_address = account.addresses()
        registrar.open_account(
            rows,
            number,
            account.holder.encode(),
            address,
            account.house + 1,
            state=account.state.encode(),
            flat=account.flat.encode(),
        )
        registrar.charge(rows, number, bills)
        meters = registrar.install(rows, number, account.meters, bills, _READING_DAY)
        _pay(rows, place, account, bills, cashier)
        shown = (account.state.encode(), account.shown_holder.encode(), shown_address)
        registrar.lanes(
            rows, number, shown, bills, meters, (account.bills_paid, account.on_account)
        )


def _pay(rows: Rows, place: int, account: FixedAccount, bills: Bills, cashier: Cashier) -> None:
    """On account in the first month; the first two bills together in the second, then each."""
    number, paid = account.number.encode(), 0
    if account.on_account:
        visit = _visit(cashier, 0)
        cashier.take(rows, place, number, visit, account.on_account, NOTHING)
    for k in range(1 if account.on_account else 0, account.bills_paid):
        parts = bills.cover(paid, k + 1)
        cashier.take(rows, place, number, _visit(cashier, k), parts.total, parts)
        paid = k + 1


def _visit(cashier: Cashier, k: int) -> Visit:
    luck = (k + 1) * _LUCK
    return Visit(cashier.by_slot[luck % SLOTS], k, _PAY_DAY, luck)


FIXED_ACCOUNTS = (
    FixedAccount(
        "1004217",
        "Иванов Иван Иванович",
        "И*** И. И.",
        0,
        "45",
        {HEATING: 820_15, COLD_WATER: 203_25, ELECTRICITY: 500_00},
        bills_paid=11,
        meters=(
            Meter(b"18-004217", COLD_WATER, 124_500 - MONTHS * 3_750),
            Meter(b"E4217", ELECTRICITY, 8_120_000 - MONTHS * 80_000),
        ),
        used={COLD_WATER: 3_750, ELECTRICITY: 80_000},
    ),
    FixedAccount(
        "0000042",
        "Петрова Анна Сергеевна",
        "П*** А. С.",
        1,
        "42",
        {WASTE: 310_01},
        bills_paid=11,
        on_account=300_00,
    ),
    FixedAccount(
        "9000001",
        "Никитин Олег Павлович",
        "Н*** О. П.",
        1,
        "17",
        {MAINTENANCE: 1_204_75},
        bills_paid=6,
        periods=range(6),
        state="closed",
    ),
    FixedAccount(
        "9000002",
        "Смирнов Михаил Петрович",
        "С*** М. П.",
        2,
        "8",
        {HEATING: 1_000_00},
        bills_paid=11,
        on_account=1_250_00,
    ),
    FixedAccount(
        "9000003",
        "Орлова Вера Ильинична",
        "О*** В. И.",
        2,
        "30",
        {MAINTENANCE: 491_38, WASTE: 148_62},
        bills_paid=11,
        state="suspended",
    ),
    FixedAccount(
        "9000004",
        "Кузнецова Ольга Николаевна",
        "К*** О. Н.",
        3,
        "3",
        {HEATING: 500_00},
        bills_paid=11,
        on_account=500_00,
    ),
    FixedAccount(
        "9000005",
        'ООО "Рога & Копыта" <филиал>',
        'ООО "Рога & Копыта" <филиал>',
        4,
        "",
        {WASTE: 99_99},
        bills_paid=0,
        periods=range(MONTHS - 1, MONTHS),
    ),
)
"""In the order of numbers.FIXED."""
