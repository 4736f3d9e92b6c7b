"""Who lives in a flat, as text: the holder in full and as agents are shown it."""

from __future__ import annotations

from server.demo.names import FEMALE_NAMES, MALE_NAMES, PATRONYMICS, SHOPS, SURNAMES

Name = tuple[bytes, bytes]
"""In full, and as shown."""


def _family(word: str) -> Name:
    return word.encode(), f"{word[0]}***".encode()


def _given(word: str) -> Name:
    return word.encode(), f"{word[0]}.".encode()


_MEN = (
    [_family(word) for word in SURNAMES],
    [_given(word) for word in MALE_NAMES],
    [_given(word) for word in PATRONYMICS],
)
_WOMEN = (
    [_family(word + "а") for word in SURNAMES],
    [_given(word) for word in FEMALE_NAMES],
    [_given(word[:-2] + "на") for word in PATRONYMICS],
)
_SHOPS = [(name.encode(), name.encode()) for name in SHOPS]


def person(luck: int) -> Name:
    """Somebody; any number from 0 on. Two in five are men."""
    surnames, names, patronymics = _MEN if luck % 5 < 2 else _WOMEN
    luck //= 5
    surname = surnames[luck % len(surnames)]
    luck //= len(surnames)
    name = names[luck % len(names)]
    patronymic = patronymics[luck // len(names) % len(patronymics)]
    return (
        b"%b %b %b" % (surname[0], name[0], patronymic[0]),
        b"%b %b %b" % (surname[1], name[1], patronymic[1]),
    )


def shop(luck: int) -> Name:
    """An organisation: shown in full."""
    return _SHOPS[luck % len(_SHOPS)]
