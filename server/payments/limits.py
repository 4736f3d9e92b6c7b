"""Limits of one payment, which are known here; those of a day or an hour are the ledger's."""

from __future__ import annotations

from collections.abc import Sequence

from server.agents import Limits
from server.messages import Part
from server.money import Money
from server.refusals import Refusal, Refused


def is_limited(limits: Limits) -> bool:
    """Whether the ledger has to look at what else the agent has taken."""
    return bool(limits.account_day_max or limits.hour_max)


def require_within_limits(limits: Limits, amount: Money) -> None:
    """Raises Refused when the sum is not positive or outside the agent's limits."""
    if amount.kopecks <= 0:
        raise Refused(Refusal.AMOUNT_MALFORMED, f"sum {amount} is not positive", "amount")
    if amount < limits.amount_min:
        raise Refused(Refusal.AMOUNT_TOO_SMALL, f"{amount} < {limits.amount_min}", "amount")
    if amount > limits.amount_max:
        raise Refused(Refusal.AMOUNT_TOO_LARGE, f"{amount} > {limits.amount_max}", "amount")


def require_within_amount(parts: Sequence[Part], amount: Money) -> None:
    """Raises Refused when the parts of a payment are more than the whole, or not positive."""
    if not parts:
        return
    if min(part.amount.kopecks for part in parts) <= 0:
        raise Refused(Refusal.AMOUNT_MALFORMED, "a part that is not positive", "breakdown")
    if sum(part.amount.kopecks for part in parts) > amount.kopecks:
        raise Refused(Refusal.AMOUNT_MALFORMED, f"parts above {amount}", "breakdown")
