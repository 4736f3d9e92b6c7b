"""By which number a payment is named: the ledger's own bounds; a protocol's are narrower."""

from __future__ import annotations

from server.messages import Cancel, Confirm, GetStatus
from server.refusals import Refusal, Refused

AGENT_PAYMENT_ID_CHARACTERS_MAX = 100
_PAYMENT_ID_MAX = (1 << 63) - 1


def require_payment_id(text: str) -> None:
    """Raises Refused(PAYMENT_ID_MALFORMED)."""
    if not 1 <= len(text) <= AGENT_PAYMENT_ID_CHARACTERS_MAX or "\0" in text:
        raise Refused(Refusal.PAYMENT_ID_MALFORMED, "agent's payment id", "agent_payment_id")


def require_named(named: Confirm | Cancel | GetStatus) -> None:
    """Raises Refused(PAYMENT_NOT_FOUND): no payment has an id outside these bounds."""
    text = named.agent_payment_id
    if "\0" in text or not 0 <= named.payment_id <= _PAYMENT_ID_MAX:
        raise Refused(Refusal.PAYMENT_NOT_FOUND, "no such payment id")
