"""Account numbers that a hand may have meant: one slip away from the one that was written."""

from __future__ import annotations

_DIGITS = "0123456789"
_LENGTH_MAX = 20


def similar_numbers(number: str) -> tuple[str, ...]:
    """Likeliest slip first: two digits swapped, one too many, one too few, one wrong.

    Only for numbers of plain digits: in others nobody knows what a slip is.
    """
    if not (number.isascii() and number.isdigit() and 2 <= len(number) <= _LENGTH_MAX):
        return ()
    places = range(len(number))
    swapped = [
        number[:i] + number[i + 1] + number[i] + number[i + 2 :] for i in places if i + 1 in places
    ]
    shorter = [number[:i] + number[i + 1 :] for i in places]
    longer = [number[:i] + digit + number[i:] for i in (*places, len(number)) for digit in _DIGITS]
    changed = [number[:i] + digit + number[i + 1 :] for i in places for digit in _DIGITS]
    found = dict.fromkeys([*swapped, *shorter, *longer, *changed])
    found.pop(number, None)
    return tuple(found)
