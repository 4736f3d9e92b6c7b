"""What a household is billed in the twelve periods.

Households that are alike are billed alike, so the text of their charges is made once and only the
account's number is put into it: that is what makes a million accounts cheap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from operator import add, sub

from server.demo.catalogue import (
    CAPITAL_REPAIR,
    CODE,
    COLD_WATER,
    ELECTRICITY,
    GAS,
    HEATING,
    HOT_WATER,
    MAINTENANCE,
    SEWAGE,
    TARIFF,
    WASTE,
)
from server.demo.periods import MONTHS, Year

PLACEHOLDER = "@"
"""Stands for the account's number in the text of charges; no number holds it."""

CONSUMPTIONS = 8
"""How many different courses of a meter there are for one number of residents."""

PROFILES = (
    (MAINTENANCE, HEATING, COLD_WATER, SEWAGE, WASTE),
    (MAINTENANCE, HEATING, COLD_WATER, ELECTRICITY),
    (HEATING, COLD_WATER, HOT_WATER, ELECTRICITY, WASTE),
    (MAINTENANCE, COLD_WATER, GAS, WASTE),
    (MAINTENANCE, HEATING, COLD_WATER, ELECTRICITY, WASTE, CAPITAL_REPAIR),
    (COLD_WATER, ELECTRICITY, GAS, WASTE),
)
"""The services of a house's flats, in ascending order of their ids."""

# By calendar month, January first; zero outside the heating season.
_GCAL_PER_M2_TIMES_10000 = (310, 290, 240, 130, 0, 0, 0, 0, 0, 130, 220, 290)
_GAS_THOUSANDTHS_PER_RESIDENT = 9_500
_COLD_WATER_NORM, _HOT_WATER_NORM = 4_200, 2_600
_ELECTRICITY_NORM_KWH = 95


@dataclass(frozen=True, slots=True)
class Household:
    """All that decides a bill. Meters: which of the courses it takes; None = billed by the norm."""

    profile: int
    area_tenths: int
    residents: int
    cold_water_course: int | None
    electricity_course: int | None


@dataclass(frozen=True, slots=True)
class Cover:
    """The bills of some consecutive periods added up, ready for an array column."""

    total: int
    services: bytes
    amounts: bytes


class Bills:
    """Twelve bills: kopecks by service, and the COPY text of their charges."""

    def __init__(
        self,
        year: Year,
        services: tuple[int, ...],
        amounts: tuple[tuple[int, ...], ...],
        volumes: Mapping[int, tuple[int, ...]],
    ) -> None:
        self.services = services
        self.amounts = amounts
        """One tuple for each period, in the order of `services`."""
        self.volumes = volumes
        """By metered service: thousandths of its unit used in each period."""
        self.charges = tuple(
            b"".join(
                f"{PLACEHOLDER}\t{CODE[service]}\t{first}\t{amount}\n".encode()
                for service, amount in zip(services, row, strict=True)
                if amount
            )
            for first, row in zip(year.periods, amounts, strict=True)
        )
        """For each period, rows of billing.charges with the placeholder for the number."""
        self._totals = [(0,) * len(services)]
        """By service, what all periods before this one add up to."""
        for row in amounts:
            self._totals.append(tuple(map(add, self._totals[-1], row)))
        self._covers: dict[tuple[int, int], Cover] = {}

    def cover(self, since: int, until: int) -> Cover:
        """What periods since … until - 1 add up to; services without a charge are left out."""
        found = self._covers.get((since, until))
        if found is None:
            found = self._covers[since, until] = self._add_up(since, until)
        return found

    def _add_up(self, since: int, until: int) -> Cover:
        sums = tuple(map(sub, self._totals[until], self._totals[since]))
        services = [service for service, amount in zip(self.services, sums, strict=True) if amount]
        return Cover(
            sum(sums),
            ",".join(map(str, services)).encode(),
            ",".join(map(str, filter(None, sums))).encode(),
        )


@cache
def bills_of(year: Year, household: Household) -> Bills:
    """The bills of every such household."""
    services = PROFILES[household.profile]
    volumes = _volumes(household, services)
    months = [
        tuple(_amount(service, household, first.month - 1, k, volumes) for service in services)
        for k, first in enumerate(year.periods)
    ]
    return Bills(year, services, tuple(months), volumes)


def _volumes(household: Household, services: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    volumes = {}
    if household.cold_water_course is not None:
        volumes[COLD_WATER] = _course(household.cold_water_course, household.residents, 2_600, 250)
    if household.electricity_course is not None and ELECTRICITY in services:
        volumes[ELECTRICITY] = _course(
            household.electricity_course, household.residents, 62_000, 1_000
        )
    return volumes


def _course(course: int, residents: int, usual: int, step: int) -> tuple[int, ...]:
    """Monthly use that wavers within a third of the usual one, in whole steps."""
    middle = usual * residents * (12 + course % 5) // 12 // step
    spread = middle // 3 + 1
    return tuple(
        step * (middle - spread // 2 + (course * 7 + month * (course + 3) * 5) % spread)
        for month in range(MONTHS)
    )


def _amount(
    service: int,
    household: Household,
    month: int,
    k: int,
    volumes: Mapping[int, tuple[int, ...]],
) -> int:
    """Kopecks for one service in period k, whose calendar month is `month` (January is 0)."""
    area, residents, tariff = household.area_tenths, household.residents, TARIFF[service]
    if service in (MAINTENANCE, CAPITAL_REPAIR):
        return tariff * area // 10
    if service == HEATING:
        return tariff * area * _GCAL_PER_M2_TIMES_10000[month] // 100_000
    if service == WASTE:
        return tariff * residents
    return (tariff * _thousandths(service, residents, k, volumes) + 500) // 1_000


def _thousandths(
    service: int, residents: int, k: int, volumes: Mapping[int, tuple[int, ...]]
) -> int:
    """By the meter where there is one, else by the norm; sewage is what came in as water."""
    metered = volumes.get(COLD_WATER if service == SEWAGE else service)
    if metered is not None:
        return metered[k]
    norms = {
        COLD_WATER: _COLD_WATER_NORM,
        SEWAGE: _COLD_WATER_NORM,
        HOT_WATER: _HOT_WATER_NORM,
        ELECTRICITY: _ELECTRICITY_NORM_KWH * 1_000,
        GAS: _GAS_THOUSANDTHS_PER_RESIDENT,
    }
    return norms[service] * residents
