"""OSMP beyond its vectors: one code in every reply, codes of the source, every setting."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.messages import AccountChecked, PaymentAccepted, RefusedOutcome
from server.protocols import Operation, Request
from server.protocols.osmp.codec import CODEC
from server.protocols.osmp.codes import DUPLICATES, TABLES
from server.refusals import Refusal
from tests.protocols.junk import junk_requests, mutated, outcomes
from tests.protocols.vectors import load_accounts, load_vectors, make_agent

OWN = [vector for vector in load_vectors() if vector.protocol == "osmp"]


def request(query: str, **settings: str) -> Request:
    now = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
    return Request("GET", "/pay/osmp", query, {}, b"", make_agent("osmp", **settings), now)


@given(data=st.data())
def test_every_reply_has_exactly_one_result_and_it_comes_from_the_table(
    data: st.DataObject,
) -> None:
    vector = data.draw(st.sampled_from(OWN))
    asked = data.draw(st.one_of(mutated(vector.request), junk_requests(vector.request.agent)))
    response = CODEC.encode(asked, data.draw(outcomes()))
    if response.status == 503:
        return
    root = etree.fromstring(response.body)
    (result,) = root.findall("result")
    tables = {code.code for table in TABLES.values() for code in table.values()}
    assert result.text in tables | {code.code for code in DUPLICATES.values()} | {CODEC.ok}
    assert root.tag == "response"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (Refusal.TRY_LATER, "1"),
        (Refusal.ACCOUNT_MALFORMED, "4"),
        (Refusal.ACCOUNT_NOT_FOUND, "5"),
        (Refusal.PAYMENTS_SUSPENDED, "7"),
        (Refusal.NOT_PERMITTED, "7"),
        (Refusal.ACCOUNT_CLOSED, "79"),
        (Refusal.AMOUNT_TOO_SMALL, "241"),
        (Refusal.AMOUNT_TOO_LARGE, "242"),
        (Refusal.PAYMENT_CONFLICT, "300"),
        (Refusal.UNKNOWN_OPERATION, "300"),
        (Refusal.MALFORMED, "300"),
    ],
)
def test_the_codes_are_those_of_the_source(refusal: Refusal, code: str) -> None:
    assert CODEC.codes[Operation.CHECK, refusal].code == code
    assert CODEC.codes[Operation.PAY, refusal].code == code


def test_only_codes_of_the_source_are_sent() -> None:
    known = {"0", "1", "4", "5", "7", "8", "31", "79", "90", "241", "242", "243", "300", ""}
    assert {code.code for code in CODEC.codes.values()} <= known
    assert "90" not in {code.code for code in CODEC.codes.values()}


def test_the_debt_stands_in_field_2() -> None:
    asked = request("command=check&txn_id=1&account=1004217&sum=0.00")
    for account, debt in (("1004217", "1523.40"), ("9000002", "-250.00"), ("9000004", "0.00")):
        response = CODEC.encode(asked, AccountChecked(load_accounts()[account]))
        assert etree.fromstring(response.body).findtext("fields/field2") == debt


def test_status_that_cannot_be_told_is_no_code_at_all() -> None:
    asked = request("command=status&txn_id=1", status="on")
    response = CODEC.encode(asked, RefusedOutcome(Refusal.TRY_LATER))
    assert (response.status, response.body) == (503, b"")


@pytest.mark.parametrize("setting", CODEC.settings, ids=lambda setting: setting.name)
def test_every_value_of_every_setting_answers(setting) -> None:  # type: ignore[no-untyped-def]
    for value in (setting.default, *setting.choices):
        asked = request("command=check&txn_id=1&account=1&sum=1.00", **{setting.name: value})
        CODEC.decode(asked)
        not_found = CODEC.encode(asked, RefusedOutcome(Refusal.ACCOUNT_NOT_FOUND))
        assert etree.fromstring(not_found.body).findtext("result") in ("3", "5")
        checked = CODEC.encode(asked, AccountChecked(load_accounts()["1004217"]))
        assert etree.fromstring(checked.body).findtext("result") == "0"
        assert b"1523.40" in checked.body


@pytest.mark.parametrize("dialect", sorted(TABLES))
def test_every_dialects_table_is_as_honest_as_the_first(dialect: str) -> None:
    """Total; no refusal means success; only "try later" makes the network repeat."""
    table = TABLES[dialect]
    successes = {CODEC.ok} | ({DUPLICATES[dialect].code} if dialect in DUPLICATES else set())
    for operation in CODEC.operations:
        for refusal in Refusal:
            code = table[operation, refusal]
            assert code.code not in successes
            again = code.code in CODEC.repeatable or code.status == 503
            assert again is not refusal.final


def test_what_only_a_dialect_calls_a_duplicate_is_said_for_repeats_only() -> None:
    vector = next(vector for vector in OWN if vector.case == "sber2_pay")
    accepted = vector.replies[0].outcome
    assert isinstance(accepted, PaymentAccepted)
    first = CODEC.encode(vector.request, replace(accepted, repeated=False))
    again = CODEC.encode(vector.request, replace(accepted, repeated=True))
    results = [etree.fromstring(reply.body).findtext("result") for reply in (first, again)]
    assert results == ["0", "8"]
