"""The ordinary accounts: everything about one follows from its place among them."""

from __future__ import annotations

from bisect import bisect_right
from hashlib import blake2b
from struct import Struct

from server.demo.accounts import NO_UNIFIED_ACCOUNT, Registrar, meters_of
from server.demo.bills import CONSUMPTIONS, Bills, Cover, Household, bills_of
from server.demo.habits import ROUND_SUM, habits
from server.demo.houses import House
from server.demo.numbers import ordinary_number
from server.demo.payments import NOTHING, SLOTS, Cashier, Visit
from server.demo.people import Name, person, shop
from server.demo.periods import MONTHS, READING_DAYS, Year
from server.demo.rows import Rows

AMOUNT_MAX = 15_000_00
"""The largest payment that a demo agent may take."""
_LUCK = Struct("<6I")
_AREAS_TENTHS = (314, 382, 446, 528, 583, 649, 740, 865)
_EVENLY, _SHIFT, _MASK = 6_364_136_223_846_793_005, 1_442_695_040_888_963_407, (1 << 64) - 1
_LATE_DAYS = 6
_MISTAKES = 256
"""One account in so many has a payment that was cancelled."""
_ROUND_KOPECKS = 500_00
_OF_16_WITH_WATER_METER = 9
_OF_16_WITH_ELECTRICITY_METER = 12
_LETTERS = "АБВГДЕЖЗИКЛМНПРСТУФХ"


_ROOMS = ("кв", "пом")


class Residents:
    """Writes ordinary accounts, from any place to any other."""

    def __init__(self, year: Year, houses: list[House], cashier: Cashier) -> None:
        self._year = year
        self._houses = houses
        self._firsts = [house.first for house in houses]
        self._registrar = Registrar(year)
        self._cashier = cashier
        self._habits = habits()
        self._pay_days = [year.pay_days(k) for k in range(MONTHS)]

    def write(self, rows: Rows, since: int, until: int) -> None:
        """The accounts in places since … until - 1."""
        at = bisect_right(self._firsts, since) - 1
        while since < until:
            house = self._houses[at]
            door = _Door(house)
            end = min(until, house.first + house.kind.flats)
            for place in range(since, end):
                self._write_one(rows, place, door)
            since, at = max(since, end), at + 1

    def _write_one(self, rows: Rows, place: int, door: _Door) -> None:
        number = ordinary_number(place)
        text = b"%d" % number
        luck = _LUCK.unpack(blake2b(text, digest_size=_LUCK.size).digest())
        flat = place - door.house.first
        holder, shown_holder = shop(luck[0]) if door.is_shop(flat) else person(luck[0])
        address, shown_address = door.address(flat)
        self._registrar.open_account(
            rows, text, holder, address, door.house.id, flat=door.flat(flat),
            unified_account=_unified_account(number, luck[4]),
        )  # fmt: skip
        bills = bills_of(self._year, _household(door.house.kind.profile, flat, luck[1]))
        self._registrar.charge(rows, text, bills)
        day = READING_DAYS[luck[2] % len(READING_DAYS)]
        meters = self._registrar.install(rows, text, meters_of(number, bills, luck[3]), bills, day)
        paid = self._pay(rows, place, text, bills, luck)
        shown = (b"active", shown_holder, shown_address)
        self._registrar.lanes(rows, text, shown, bills, meters, paid)

    def _pay(
        self, rows: Rows, place: int, number: bytes, bills: Bills, luck: tuple[int, ...]
    ) -> tuple[int, int]:
        """Returns how many bills are paid, and how much was paid on account."""
        usual_day, usual_slot, chance = luck[5] % 22 + 2, luck[5] >> 8, luck[5] * _EVENLY
        bills_paid, advance, visit, amount = 0, 0, None, 0
        for k, until in self._habits[luck[4] >> 24]:
            chance = (chance * _EVENLY + _SHIFT) & _MASK
            day = usual_day + (chance >> 60) % _LATE_DAYS
            if day not in self._pay_days[k]:
                continue
            slot = usual_slot if chance >> 58 & 3 else chance >> 50
            visit = Visit(self._cashier.by_slot[slot % SLOTS], k, day, chance >> 32)
            if until == ROUND_SUM:
                parts, amount = NOTHING, _round_sum(bills.cover(k, k + 1).total, chance)
                advance += amount
            else:
                bills_paid, parts = _whole_bills(bills, bills_paid, until)
                amount = parts.total
            self._cashier.take(rows, place, number, visit, amount, parts)
        if visit and luck[3] % _MISTAKES == 0:
            self._cashier.take_back(rows, place, number, visit, amount)
        return bills_paid, advance


class _Door:
    """The text that all flats of a house share."""

    def __init__(self, house: House) -> None:
        self.house = house
        self._address = house.address.encode()
        self._rooms = [f"{house.address}, {room}. ".encode() for room in _ROOMS]

    def is_shop(self, flat: int) -> bool:
        return flat == 0 and self.house.has_shop

    def flat(self, flat: int) -> bytes:
        return b"%d" % (flat + 1) if self.house.kind.flats > 1 else b""

    def address(self, flat: int) -> Name:
        if self.house.kind.flats == 1:
            return self._address, self._address
        room = self._rooms[self.is_shop(flat)]
        return b"%b%d" % (room, flat + 1), room + b"***"


def _household(profile: int, flat: int, luck: int) -> Household:
    """Alike flats lie above each other; the rest is luck."""
    course = luck >> 16 & (CONSUMPTIONS - 1)
    kind = flat % len(_AREAS_TENTHS)
    return Household(
        profile=profile,
        area_tenths=_AREAS_TENTHS[kind],
        residents=1 + kind // 3 + (luck & 1),
        cold_water_course=course if luck >> 4 & 15 < _OF_16_WITH_WATER_METER else None,
        electricity_course=course if luck >> 8 & 15 < _OF_16_WITH_ELECTRICITY_METER else None,
    )


def _unified_account(number: int, luck: int) -> bytes:
    """Two in five have one."""
    if luck % 5 > 1:
        return NO_UNIFIED_ACCOUNT
    series, rest = divmod(number, 1_000_000)
    first, second = _LETTERS[series // len(_LETTERS)], _LETTERS[series % len(_LETTERS)]
    return f"58{first}{second}{rest:06d}".encode()


def _round_sum(bill: int, chance: int) -> int:
    """About as much as the bill: a multiple of 500 roubles below it or above it."""
    whole = max(bill // _ROUND_KOPECKS, 1) + (chance >> 20 & 1)
    return whole * _ROUND_KOPECKS


def _whole_bills(bills: Bills, since: int, until: int) -> tuple[int, Cover]:
    """As many bills as one payment may be; the next visit pays the rest."""
    parts = bills.cover(since, until)
    while parts.total > AMOUNT_MAX:
        until -= 1
        parts = bills.cover(since, until)
    return until, parts
