"""Which numbers the accounts of the town have."""

from __future__ import annotations

from functools import cache

FIRST_ORDINARY = 1_000_001
FIXED = ("1004217", "0000042", "9000001", "9000002", "9000003", "9000004", "9000005")
"""The accounts that scripts and checks rely on; docs/contract.md says what each one is."""


def ordinary_number(place: int) -> int:
    """The number of the ordinary account in this place, from 0: upward past the fixed ones."""
    number = FIRST_ORDINARY + place
    for taken in _taken():
        number += number >= taken
    return number


@cache
def _taken() -> tuple[int, ...]:
    return tuple(sorted(number for text in FIXED if (number := int(text)) >= FIRST_ORDINARY))
