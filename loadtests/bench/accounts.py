"""Accounts of the bench: six services and two meters each, made from their place alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from loadtests.bench.keys import account_number
from server.lookup.snapshot import billed_half, join, paid_half

SERVICES = (1, 2, 3, 4, 5, 6)
"""Ids of the demo town's catalogue."""
_METERED = (3, 6)
_SURNAMES, _NAMES, _FATHERS = "АБВГДЖЗИКЛМНОПРСТФХЧШЩЯ", "АБВГДЕИКЛМНОПРСТЮЯ", "АБВГДИКЛМНОПСФЭЮ"
_STREETS = (
    *("Садовая", "Заречная", "Лесная", "Набережная", "Советская", "Школьная", "Молодёжная"),
    *("Центральная", "Мира", "Победы", "Строителей", "Гагарина", "Комсомольская", "Октябрьская"),
)
_READ_ON = ("2026-10-20", "2026-10-21", "2026-10-22", "2026-10-23", "2026-10-24", "2026-10-25")
_ADVANCE = (0, 0, 0, 0, 0, 0, 0, 12_345)


@dataclass(frozen=True, slots=True)
class Account:
    """Both lanes of one account, sums in kopecks."""

    number: str
    holder: str
    address: str
    charged: tuple[int, ...]
    paid: tuple[int, ...]
    advance: int
    meters: str
    """A line per meter, as ledger.account_billed keeps it."""

    def snapshot(self, epoch: int) -> bytes:
        """What Redis holds of it."""
        billed = billed_half(
            b"active",
            self.holder.encode(),
            self.address.encode(),
            SERVICES,
            self.charged,
            self.meters.encode(),
        )
        return join(epoch, 1, billed, 1, paid_half(SERVICES, self.paid, self.advance))


def account(place: int) -> Account:
    """The account at a place; neighbours have nothing in common."""
    mixed = place * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    letters, where, money = mixed & 0xFFFF, mixed >> 16 & 0xFFFF, mixed >> 32
    holder = (
        f"{_SURNAMES[letters % len(_SURNAMES)]}*** {_NAMES[letters // 23 % len(_NAMES)]}."
        f" {_FATHERS[letters // 414 % len(_FATHERS)]}."
    )
    address = f"г. Заречный, ул. {_STREETS[where % 14]}, д. {where // 14 % 160 + 1}, кв. ***"
    charged = tuple(money * step % 700_000 + 20_000 for step in (1, 3, 5, 7, 11, 13))
    return Account(
        number=account_number(place),
        holder=holder,
        address=address,
        charged=charged,
        paid=tuple(sum_ * 2 // 3 for sum_ in charged),
        advance=_ADVANCE[money % 8],
        meters="\n".join(
            f"{service:02}-{place:08}\t{service}\t{money * service % 9_000_000}\t"
            f"{_READ_ON[(money + service) % 6]}"
            for service in _METERED
        ),
    )


def copy_texts(places: range) -> Iterator[tuple[str, str]]:
    """A line for ledger.account_billed and one for ledger.account_paid, in COPY's text form."""
    services = _array(SERVICES)
    for place in places:
        it = account(place)
        meters = it.meters.replace("\t", "\\t").replace("\n", "\\n")
        billed = (it.number, "active", it.holder, it.address, services, _array(it.charged), meters)
        paid = (it.number, services, _array(it.paid), str(it.advance))
        yield "\t".join(billed) + "\n", "\t".join(paid) + "\n"


def _array(numbers: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
