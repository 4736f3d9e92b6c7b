"""Sber beyond its vectors: one code in every reply, and codes only where the bank allows them."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.accounts import AccountState, AccountView
from server.messages import AccountChecked, RefusedOutcome
from server.money import Money
from server.protocols import Operation, Request
from server.protocols.sber.codec import CODEC
from server.refusals import Refusal
from tests.protocols.junk import junk_requests, mutated, outcomes
from tests.protocols.vectors import load_vectors, make_agent

OWN = [vector for vector in load_vectors() if vector.protocol == "sber"]
ON_BOTH = {"0", "1", "2", "3", "4", "5", "300"}
ON_PAYMENT = ON_BOTH | {"6", "7", "8", "9", "10", "11", "12"}


def request(query: str, **settings: str) -> Request:
    now = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
    return Request("GET", "/pay/sber", query, {}, b"", make_agent("sber", **settings), now)


@given(data=st.data())
def test_every_reply_has_exactly_one_code_and_the_bank_allows_it(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(OWN))
    asked = data.draw(
        st.one_of(
            st.just(vector.request), mutated(vector.request), junk_requests(vector.request.agent)
        )
    )
    response = CODEC.encode(asked, data.draw(outcomes()))
    root = etree.fromstring(response.body)
    (code,) = root.findall("CODE")
    assert response.status == 200
    assert len(root.findall("MESSAGE")) == 1
    assert code.text in ON_PAYMENT
    if code.text not in ON_BOTH:
        query = (asked.query + asked.body.decode("latin-1")).lower()
        assert "payment" in query or "%" in query
    if code.text == CODEC.duplicate:
        assert all(root.findtext(name) for name in ("EXT_ID", "REG_DATE", "AMOUNT"))


def test_codes_above_5_are_for_payments_only() -> None:
    for (operation, refusal), code in CODEC.codes.items():
        allowed = ON_PAYMENT if operation is Operation.PAY else ON_BOTH
        assert code.code in allowed - {CODEC.ok, CODEC.duplicate}, (operation, refusal)
        assert code.status == 200


def test_a_suspended_account_is_5_on_check_and_7_on_payment() -> None:
    assert CODEC.codes[Operation.CHECK, Refusal.PAYMENTS_SUSPENDED].code == "5"
    assert CODEC.codes[Operation.PAY, Refusal.PAYMENTS_SUSPENDED].code == "7"


def test_a_conflict_says_why() -> None:
    asked = request("ACTION=payment&ACCOUNT=1&AMOUNT=1&PAY_ID=1&PAY_DATE=15.01.2026_10:00:00")
    root = etree.fromstring(CODEC.encode(asked, RefusedOutcome(Refusal.PAYMENT_CONFLICT)).body)
    assert root.findtext("CODE") == "300"
    assert "другим счётом или суммой" in (root.findtext("MESSAGE") or "")


@given(charged=st.integers(0, 10**12), paid=st.integers(0, 10**12))
def test_balance_is_minus_the_debt_and_nothing_is_recommended_when_nothing_is_owed(
    charged: int, paid: int
) -> None:
    view = AccountView(
        "1", AccountState.ACTIVE, "", "", Money(charged), Money(paid), 1, services=(), meters=()
    )
    root = etree.fromstring(
        CODEC.encode(request("ACTION=check&ACCOUNT=1"), AccountChecked(view)).body
    )
    assert root.findtext("BALANCE") == str(Money(paid - charged))
    owed = str(Money(charged - paid)) if charged > paid else None
    assert root.findtext("REC_SUM") == owed
