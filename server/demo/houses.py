"""The houses of the town: enough of them for the accounts, street by street."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from server.demo.catalogue import COMPANIES, DISTRICTS, TOWN
from server.demo.names import STREETS

_SEED = 20_25


@dataclass(frozen=True, slots=True)
class HouseKind:
    """How many accounts such a house has, and which of bills.PROFILES its flats get."""

    flats: int
    profile: int


@dataclass(frozen=True, slots=True)
class House:
    """A house; `first` is the place of its first account among the ordinary ones."""

    id: int
    street: str
    building: str
    district: int
    company: int
    postcode: str
    kind: HouseKind
    first: int
    has_shop: bool

    @property
    def address(self) -> str:
        """Down to the house."""
        return _address(self.street, self.building)


_KINDS = (
    HouseKind(144, 0),
    HouseKind(108, 4),
    HouseKind(80, 1),
    HouseKind(60, 2),
    HouseKind(96, 4),
    HouseKind(216, 0),
    HouseKind(12, 3),
    HouseKind(8, 3),
    HouseKind(1, 5),
)
_HOW_OFTEN = (8, 8, 12, 10, 6, 3, 5, 4, 24)

FIXED_HOUSES = (
    ("ул. Садовая", "12"),
    ("ул. Мира", "3"),
    ("ул. Мира", "5"),
    ("ул. Мира", "7"),
    ("пр-т Победы", "1"),
)
"""Where the fixed accounts live; ids from 1. No ordinary account lives there."""


def houses_for(accounts: int) -> list[House]:
    """The same first houses for any number of accounts; the fixed ones come first."""
    random = Random(_SEED)
    found = [
        _house(place, street, building, HouseKind(0, 0), 0, has_shop=False)
        for place, (street, building) in enumerate(FIXED_HOUSES, 1)
    ]
    first, turn = 0, 0
    while first < accounts:
        street, building = STREETS[turn % len(STREETS)], str(turn // len(STREETS) + 1)
        turn += 1
        if (street, building) in FIXED_HOUSES:
            continue
        (kind,) = random.choices(_KINDS, _HOW_OFTEN)
        shop = kind.flats > 20 and random.randrange(3) == 0
        found.append(_house(len(found) + 1, street, building, kind, first, has_shop=shop))
        first += kind.flats
    return found


def fixed_address(place: int) -> str:
    """Where the house in this place of FIXED_HOUSES stands."""
    return _address(*FIXED_HOUSES[place])


def _address(street: str, building: str) -> str:
    return f"{TOWN}, {street}, д. {building}"


def _house(
    house_id: int, street: str, building: str, kind: HouseKind, first: int, *, has_shop: bool
) -> House:
    place = STREETS.index(street)
    district = place * len(DISTRICTS) // len(STREETS)
    company = 2 * district + house_id % 2 + 1
    assert company <= len(COMPANIES)
    postcode = f"44296{district}"
    return House(
        house_id, street, building, district, company, postcode, kind, first, has_shop=has_shop
    )
