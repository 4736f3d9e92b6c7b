"""The text of a payment's QR code, GOST R 56042-2014, as a scanner hands it over.

`ST`, four digits of the version, one of the encoding, the separator; then Key=Value. Scanners have
decoded the bytes already, so the digit of the encoding means nothing here. Bills in the wild spell
keys in any case and end with a separator or with rubbish: what is no pair is left out.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from server.accounts import is_account_number
from server.money import Money, MoneyError
from server.refusals import Refusal, Refused

_HEAD = re.compile(r"ST0001[123](.)", re.DOTALL)
_HEAD_CHARACTERS = 8
_PAIRS_MAX = 100
_PERIOD = re.compile(r"(0[1-9]|1[0-2])[./-]?(20[0-9]{2})")
_UNIFIED_ACCOUNT = re.compile(r"[0-9]{2}[A-Za-zА-Яа-яЁё]{2}[0-9]{6}")
_KEYS_OF_ACCOUNT = ("persacc", "personalaccount")
_PURPOSE_CHARACTERS_MAX = 210


@dataclass(frozen=True, slots=True)
class Bill:
    """What a bill's code says that matters here; None or empty where it does not."""

    account: str
    """As printed: an account or a unified one."""
    amount: Money | None = None
    month: dt.date | None = None
    """The billing period's first day."""
    purpose: str = ""

    @property
    def is_unified(self) -> bool:
        """Whether the account has the form of a unified one."""
        return _UNIFIED_ACCOUNT.fullmatch(self.account) is not None


def read(text: str) -> Bill:
    """Raises Refused(MALFORMED) for what is no such code, ACCOUNT_MALFORMED when it names none."""
    head = _HEAD.match(text)
    if head is None:
        raise Refused(Refusal.MALFORMED, "no code by GOST R 56042", "qrText")
    pairs = text[_HEAD_CHARACTERS:].split(head[1], _PAIRS_MAX)
    found: dict[str, str] = {}
    for pair in pairs:
        key, is_pair, value = pair.partition("=")
        if is_pair and value.strip():
            found.setdefault(key.strip().lower(), value.strip())
    account = next((found[key] for key in _KEYS_OF_ACCOUNT if key in found), "")
    if not is_account_number(account):
        raise Refused(Refusal.ACCOUNT_MALFORMED, "the code names no account", "qrText")
    purpose = found.get("purpose", "")[:_PURPOSE_CHARACTERS_MAX]
    return Bill(account, _amount(found), _month(found), purpose)


def _amount(found: dict[str, str]) -> Money | None:
    """Kopecks by the standard; roubles with a point by those who have not read it."""
    text = found.get("sum", "")
    try:
        return Money.parse(text) if "." in text else Money.parse_kopecks(text)
    except MoneyError:
        return None


def _month(found: dict[str, str]) -> dt.date | None:
    period = _PERIOD.fullmatch(found.get("paymperiod", ""))
    return dt.date(int(period[2]), int(period[1]), 1) if period else None
