"""The closed set of reasons for which a request is refused, and the exception that carries one."""

from __future__ import annotations

import re
from enum import Enum

_LONG_NUMBER = re.compile(r"(?<![0-9])[0-9]{3,}([0-9]{3})(?![0-9])(?!\.[0-9]{2}\b)")
_FOREIGN_WORD = re.compile(r"[^\x00-\x7f]+")
_OUTLINED = 40


class Refusal(Enum):
    """Why we refuse. As fine as the finest protocol needs; each protocol's table coarsens it."""

    MALFORMED = "MALFORMED"
    """The request cannot be read or lacks a mandatory part."""
    NOT_AUTHENTIC = "NOT_AUTHENTIC"
    """Credentials or signature are wrong, whatever exactly was wrong."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """The agent is known but may not do this (address, pause, service, right)."""
    UNKNOWN_OPERATION = "UNKNOWN_OPERATION"
    """The protocol has no such command, or this agent has it switched off."""
    ACCOUNT_MALFORMED = "ACCOUNT_MALFORMED"
    """The account number cannot be one of ours by its form."""
    ACCOUNT_NOT_FOUND = "ACCOUNT_NOT_FOUND"
    """There is certainly no such account."""
    ACCOUNT_CLOSED = "ACCOUNT_CLOSED"
    """The account exists but is closed."""
    PAYMENTS_SUSPENDED = "PAYMENTS_SUSPENDED"
    """The account exists but payments to it are suspended."""
    AMOUNT_MALFORMED = "AMOUNT_MALFORMED"
    """The sum is not a sum of money, or is not positive."""
    AMOUNT_TOO_SMALL = "AMOUNT_TOO_SMALL"
    """The sum is below the agent's minimum."""
    AMOUNT_TOO_LARGE = "AMOUNT_TOO_LARGE"
    """The sum is above the agent's maximum."""
    DATE_MALFORMED = "DATE_MALFORMED"
    """A date or time cannot be read or makes no sense."""
    PAYMENT_ID_MALFORMED = "PAYMENT_ID_MALFORMED"
    """The agent's payment id breaks the protocol's form."""
    PAYMENT_CONFLICT = "PAYMENT_CONFLICT"
    """The agent's payment id is already used for another account or sum."""
    PAYMENT_NOT_FOUND = "PAYMENT_NOT_FOUND"
    """There is no payment under this id."""
    PAYMENT_CANCELLED = "PAYMENT_CANCELLED"
    """The payment under this id exists and is already cancelled."""
    REVERSAL_FORBIDDEN = "REVERSAL_FORBIDDEN"
    """The payment can no longer be cancelled (day closed, money passed on)."""
    METER_NOT_FOUND = "METER_NOT_FOUND"
    """The account has no such meter."""
    READING_IMPLAUSIBLE = "READING_IMPLAUSIBLE"
    """The reading is below the last one or far above what was used before."""
    READING_PERIOD_CLOSED = "READING_PERIOD_CLOSED"
    """Readings are not taken at this time of the month."""
    TRY_LATER = "TRY_LATER"
    """We cannot tell now; the same request may be repeated and nothing is decided."""

    @property
    def final(self) -> bool:
        """Whether the same request will be refused again, so that the agent may give money back."""
        return self is not Refusal.TRY_LATER


class Refused(Exception):
    """Raised where a request turns out to be refused; `detail` goes to the log, not to the agent.

    A log is read by people who have no business with a payer: what `detail` quotes is `outline`d
    or masked where it is made, and whatever else may be an account, a name or an address is here.
    `field` names the part of the request at fault where a protocol can say it on the wire.
    """

    def __init__(self, refusal: Refusal, detail: str = "", field: str = "") -> None:
        detail = discreet(detail)
        super().__init__(f"{refusal.value}: {detail}" if detail else refusal.value)
        self.refusal = refusal
        self.detail = detail
        self.field = field


def outline(text: str) -> str:
    """How a text is written, without what it says: `ул. 12/а` is `'xx. ##/x'`."""
    drawn = "".join(map(_drawn, text[:_OUTLINED]))
    return repr(drawn) if len(text) <= _OUTLINED else f"{drawn!r}, {len(text)} characters"


def discreet(text: str) -> str:
    """Without accounts, names and addresses, whoever has written it.

    We write English to the log; long numbers are accounts or payments, but for sums.
    """
    return _FOREIGN_WORD.sub("…", _LONG_NUMBER.sub(r"***\1", text))


def _drawn(character: str) -> str:
    if character.isdigit():
        return "#"
    return "x" if character.isalpha() or not character.isascii() else character
