"""Fields that many protocols have, read strictly; every fault is the refusal that names it."""

from __future__ import annotations

import re

from server.accounts import is_account_number
from server.money import Money, MoneyError
from server.refusals import Refusal, Refused, outline

_OUR_NUMBER = re.compile(r"[1-9][0-9]{0,18}")
_OUR_NUMBER_MAX = 2**63 - 1
_TOKEN = re.compile(r"[!-~]+")


def account(text: str, field: str) -> str:
    """An account number as written. Raises Refused(ACCOUNT_MALFORMED)."""
    if not is_account_number(text):
        raise Refused(Refusal.ACCOUNT_MALFORMED, outline(text), field)
    return text


def roubles(
    text: str, field: str, *, comma: bool = False, decimals: int = 2, zero: bool = False
) -> Money:
    """A sum in major units, positive unless `zero` is welcome. Raises Refused(AMOUNT_MALFORMED)."""
    try:
        amount = Money.parse(text, comma=comma, decimals=decimals)
    except MoneyError:
        raise Refused(Refusal.AMOUNT_MALFORMED, outline(text), field) from None
    return amount if zero else _positive(amount, field)


def kopecks(text: str, field: str, *, zero: bool = False) -> Money:
    """A sum in minor units, positive unless `zero` is welcome. Raises Refused(AMOUNT_MALFORMED)."""
    try:
        amount = Money.parse_kopecks(text)
    except MoneyError:
        raise Refused(Refusal.AMOUNT_MALFORMED, outline(text), field) from None
    return amount if zero else _positive(amount, field)


def _positive(amount: Money, field: str) -> Money:
    if not amount:
        raise Refused(Refusal.AMOUNT_MALFORMED, "zero", field)
    return amount


def digits(text: str, field: str, length_max: int) -> str:
    """An agent's number of digits, kept as text. Raises Refused(PAYMENT_ID_MALFORMED)."""
    if not (text.isascii() and text.isdigit() and len(text) <= length_max):
        raise Refused(Refusal.PAYMENT_ID_MALFORMED, outline(text), field)
    return text


def token(text: str, field: str, length_max: int) -> str:
    """An agent's number of printable ASCII without spaces. Raises Refused(PAYMENT_ID_MALFORMED)."""
    if len(text) > length_max or _TOKEN.fullmatch(text) is None:
        raise Refused(Refusal.PAYMENT_ID_MALFORMED, outline(text), field)
    return text


def our_number(text: str, field: str) -> int:
    """A payment's number of ours. Raises Refused(PAYMENT_ID_MALFORMED, PAYMENT_NOT_FOUND)."""
    if _OUR_NUMBER.fullmatch(text) is None:
        raise Refused(Refusal.PAYMENT_ID_MALFORMED, outline(text), field)
    if int(text) > _OUR_NUMBER_MAX:
        raise Refused(Refusal.PAYMENT_NOT_FOUND, outline(text), field)
    return int(text)
