"""The life of a payment: one table for payments in one phase and in two.

A state is that of the payment's last event; None means that nothing is recorded under the id. What
is not an arrow is answered: REPEATED with the recorded payment, or a refusal. The content of an
order is compared first: another account or sum is a conflict in every state.
`ledger.transition` in the database says the same, cell by cell; docs/states.md draws it.
"""

from __future__ import annotations

from collections.abc import Mapping

from server.messages import PaymentState
from server.payments.ports import Action, Result

_NOTHING = None
_HELD = PaymentState.HELD
_CREDITED = PaymentState.CREDITED
_CANCELLED = PaymentState.CANCELLED
_REVERSED = PaymentState.REVERSED
_EXPIRED = PaymentState.EXPIRED
_GONE = Result.PAYMENT_CANCELLED

TRANSITIONS: Mapping[tuple[PaymentState | None, Action], PaymentState | Result] = {
    (_NOTHING, Action.PAY): _CREDITED,
    (_NOTHING, Action.HOLD): _HELD,
    (_NOTHING, Action.CONFIRM): Result.NOT_FOUND,
    (_NOTHING, Action.CANCEL): Result.NOT_FOUND,
    (_NOTHING, Action.GIVE_UP): Result.NOT_FOUND,
    (_NOTHING, Action.EXPIRE): Result.NOT_FOUND,
    (_NOTHING, Action.REVERSE): Result.NOT_FOUND,
    # Whoever holds and then pays under one id has mixed up two payments.
    (_HELD, Action.PAY): Result.CONFLICT,
    (_HELD, Action.HOLD): Result.REPEATED,
    (_HELD, Action.CONFIRM): _CREDITED,
    (_HELD, Action.CANCEL): _CANCELLED,
    (_HELD, Action.GIVE_UP): _CANCELLED,
    (_HELD, Action.EXPIRE): _EXPIRED,
    (_HELD, Action.REVERSE): Result.FORBIDDEN,
    (_CREDITED, Action.PAY): Result.REPEATED,
    # A late repeat of the first phase; the recorded payment tells what became of it.
    (_CREDITED, Action.HOLD): Result.REPEATED,
    (_CREDITED, Action.CONFIRM): Result.REPEATED,
    (_CREDITED, Action.CANCEL): _CANCELLED,
    # It was confirmed before the failure was reported.
    (_CREDITED, Action.GIVE_UP): Result.FORBIDDEN,
    # It was confirmed before the janitor came.
    (_CREDITED, Action.EXPIRE): Result.FORBIDDEN,
    (_CREDITED, Action.REVERSE): _REVERSED,
    (_CANCELLED, Action.PAY): _GONE,
    (_CANCELLED, Action.HOLD): _GONE,
    (_CANCELLED, Action.CONFIRM): _GONE,
    (_CANCELLED, Action.CANCEL): Result.REPEATED,
    (_CANCELLED, Action.GIVE_UP): Result.REPEATED,
    (_CANCELLED, Action.EXPIRE): _GONE,
    (_CANCELLED, Action.REVERSE): _GONE,
    (_REVERSED, Action.PAY): _GONE,
    (_REVERSED, Action.HOLD): _GONE,
    (_REVERSED, Action.CONFIRM): _GONE,
    # The agent wants what a person has done: the money is off the account.
    (_REVERSED, Action.CANCEL): Result.REPEATED,
    (_REVERSED, Action.GIVE_UP): Result.REPEATED,
    (_REVERSED, Action.EXPIRE): _GONE,
    (_REVERSED, Action.REVERSE): Result.REPEATED,
    (_EXPIRED, Action.PAY): _GONE,
    (_EXPIRED, Action.HOLD): _GONE,
    (_EXPIRED, Action.CONFIRM): _GONE,
    # Nothing is left to cancel, which is what the agent asked for.
    (_EXPIRED, Action.CANCEL): Result.REPEATED,
    (_EXPIRED, Action.GIVE_UP): Result.REPEATED,
    (_EXPIRED, Action.EXPIRE): Result.REPEATED,
    (_EXPIRED, Action.REVERSE): _GONE,
}


def after(state: PaymentState | None, action: Action) -> PaymentState | Result:
    """The new state; or what is answered when nothing changes."""
    return TRANSITIONS[state, action]
