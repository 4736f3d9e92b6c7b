"""The JSON of a payment's page. Sums are whole kopecks."""

from __future__ import annotations

import datetime as dt

import msgspec

from server.api.office_shapes import AccountDetail, Person
from server.reconciliation.dossier import Amounts, Left, Settled
from server.reconciliation.workbench import PaymentRow


class HappeningShown(msgspec.Struct, frozen=True):
    """What happened to the payment, and what it did to the account."""

    kind: str
    kopecks: int
    happened_at: dt.datetime
    business_day: dt.date
    by: Person | None
    reason: str


class PaymentListed(msgspec.Struct, frozen=True):
    """A payment in a list; times on its agent's clock and on the office's."""

    payment: PaymentRow
    agent_title: str


class PaymentList(msgspec.Struct, frozen=True):
    """A page of payments, the newest first; `next` continues, null = that was all."""

    payments: list[PaymentListed]
    next: int | None


class PaymentDetail(msgspec.Struct, frozen=True):
    """A payment: what it settled line by line, what is left of it, its sums by 103-ФЗ.

    `settled`, `left` and `waiting_kopecks` (not laid over charges yet) add up to what is credited.
    """

    payment: PaymentRow
    agent_title: str
    account: AccountDetail | None
    terminal: str
    settlement_day: dt.date
    credited_kopecks: int
    waiting_kopecks: int
    happenings: list[HappeningShown]
    settled: list[Settled]
    left: list[Left]
    amounts: list[Amounts]
