"""The post office's codec beyond its vectors: answers of the schema, faults, the WSDL, bounds."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from server.messages import AccountsFound, Command, Pay, PayBatch
from server.money import Money
from server.protocols import Operation, Request, soap
from server.protocols.post import qr
from server.protocols.post.codec import CODEC
from server.protocols.post.codes import OPERATIONS
from server.protocols.post.request import BODY_BYTES_MAX, NAMESPACE, SCHEMA
from server.refusals import Refusal, Refused
from tests.protocols.junk import outcomes
from tests.protocols.vectors import Vector, load_accounts, load_vectors, make_agent

VECTORS = [vector for vector in load_vectors() if vector.protocol == "post"]
REFUSED = [vector for vector in VECTORS if isinstance(vector.meaning, Refusal)]
XSD = etree.XMLSchema(etree.fromstring(SCHEMA.encode()))
NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)


def asked(operation: str, said: str) -> Request:
    call = soap.respond(
        soap.Version.SOAP_11, f'<{operation} xmlns="{NAMESPACE}">{said}</{operation}>'
    )
    return Request("POST", "/pay/post", "", {}, call.body, make_agent("post"), NOW)


def refused(request: Request) -> tuple[Refusal, str]:
    with pytest.raises(Refused) as caught:
        CODEC.decode(request)
    return caught.value.refusal, caught.value.field


# --- answers ----------------------------------------------------------------------------------


def require_of_the_schema(document: bytes) -> None:
    content = etree.fromstring(document)[-1][0]
    failure = content.find(f".//{{{NAMESPACE}}}Failure")
    XSD.assertValid(content if failure is None else failure)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.case)
def test_the_answers_of_a_vector_are_of_the_schema(vector: Vector) -> None:
    for reply in vector.replies:
        require_of_the_schema(reply.body)


@given(data=st.data())
def test_whatever_the_outcome_the_answer_is_of_the_schema(data: st.DataObject) -> None:
    vector = data.draw(st.sampled_from(VECTORS))
    response = CODEC.encode(vector.request, data.draw(outcomes()))
    require_of_the_schema(response.body)
    assert response.status in (200, 400, 500)


@pytest.mark.parametrize("vector", REFUSED, ids=lambda vector: vector.case)
def test_the_element_at_fault_is_named(vector: Vector) -> None:
    def understand() -> None:
        CODEC.verify(vector.request, dict(vector.secrets), vector.request.received_at)
        CODEC.decode(vector.request)

    with pytest.raises(Refused) as caught:
        understand()
    (reply,) = vector.replies
    assert caught.value.field == getattr(reply.outcome, "field", "")


def test_a_name_without_end_is_not_repeated_to_the_end() -> None:
    refusal, field = refused(asked("GetDebt", f"<{'a' * 10_000}/>"))
    assert refusal is Refusal.MALFORMED
    assert 0 < len(field) <= 200


@pytest.mark.parametrize("text", ["nothing", "ST00012|PersAcc=1|Sum=1"])
def test_accounts_found_are_shown_whatever_the_code_was(text: str) -> None:
    request = asked("FindAccounts", f"<qrText>{text}</qrText>")
    response = CODEC.encode(request, AccountsFound((load_accounts()["0000042"],)))
    require_of_the_schema(response.body)
    assert b"<account>0000042</account>" in response.body
    assert (b"<bill>" in response.body) is (text != "nothing")


# --- requests ---------------------------------------------------------------------------------


def batch(count: int) -> Request:
    payments = "".join(
        f"<payment><paymentId>{number}</paymentId><account>1004217</account>"
        "<amountKopecks>100</amountKopecks><paidAt>2026-01-14T12:00:00Z</paidAt></payment>"
        for number in range(count)
    )
    place = "<place><office>602267</office></place>"
    return asked("AcceptBatch", f"<batchId>b</batchId>{place}{payments}")


def test_a_batch_has_at_most_a_thousand_payments() -> None:
    command = CODEC.decode(batch(1000))
    assert isinstance(command, PayBatch)
    assert [pay.agent_payment_id for pay in command.payments] == [str(n) for n in range(1000)]
    moment = dt.datetime(2026, 1, 14, 12, tzinfo=dt.UTC)
    assert set(command.payments) == {
        Pay(str(n), "1004217", Money(100), moment, terminal="602267") for n in range(1000)
    }
    assert refused(batch(1001)) == (Refusal.MALFORMED, "payment[1001]")


def test_a_body_has_its_largest_size() -> None:
    request = asked("GetDebt", "<account>1004217</account>")
    filled = request.body + b" " * (BODY_BYTES_MAX - len(request.body))
    assert isinstance(CODEC.decode(replace(request, body=filled)), Command)
    assert refused(replace(request, body=filled + b" ")) == (Refusal.MALFORMED, "")


def test_a_request_comes_by_post() -> None:
    request = asked("GetDebt", "<account>1004217</account>")
    assert refused(replace(request, method="GET")) == (Refusal.MALFORMED, "")


# --- the code on a bill -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "bill"),
    [
        ("ST00012|PersAcc=1|Sum=152340", qr.Bill("1", Money(152340))),
        ("ST00012|PersAcc=1|Sum=1523.40", qr.Bill("1", Money(152340))),
        ("ST00012|PersAcc=1|Sum=1523,40", qr.Bill("1")),
        ("ST00012|PersAcc=1|Sum=1e3", qr.Bill("1")),
        ("ST00011|persacc= 007 |Purpose=a=b|", qr.Bill("007", purpose="a=b")),
        ("ST00013|PersonalAccount=7", qr.Bill("7")),
        ("ST00012|PersAcc=1|PaymPeriod=12.2025", qr.Bill("1", month=dt.date(2025, 12, 1))),
        ("ST00012|PersAcc=1|PaymPeriod=122025", qr.Bill("1", month=dt.date(2025, 12, 1))),
        ("ST00012|PersAcc=1|PaymPeriod=13.2025", qr.Bill("1")),
        ("ST00012|PersAcc=1|PersAcc=2", qr.Bill("1")),
    ],
)
def test_a_code_is_read(text: str, bill: qr.Bill) -> None:
    assert qr.read(text) == bill


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", Refusal.MALFORMED),
        ("ST00012", Refusal.MALFORMED),
        ("ST00022|PersAcc=1", Refusal.MALFORMED),
        ("ST00014|PersAcc=1", Refusal.MALFORMED),
        ("PersAcc=1", Refusal.MALFORMED),
        ("ST00012|Sum=1", Refusal.ACCOUNT_MALFORMED),
        ("ST00012|PersAcc=", Refusal.ACCOUNT_MALFORMED),
        ("ST00012|PersAcc=1 2", Refusal.ACCOUNT_MALFORMED),
        (f"ST00012|PersAcc={'1' * 31}", Refusal.ACCOUNT_MALFORMED),
    ],
)
def test_what_is_no_code_with_an_account_is_refused(text: str, refusal: Refusal) -> None:
    with pytest.raises(Refused) as caught:
        qr.read(text)
    assert caught.value.refusal is refusal


@given(st.text(max_size=200))
def test_any_text_is_a_bill_or_refused(text: str) -> None:
    for said in (text, f"ST00012{text}"):
        try:
            bill = qr.read(said)
        except Refused:
            continue
        assert bill.account


# --- the description --------------------------------------------------------------------------


def test_the_wsdl_names_every_operation_in_both_versions() -> None:
    kind, document = CODEC.documents["wsdl"]("https://pay.example/pay/post?a=1&b=2")
    root = etree.fromstring(document)
    assert kind == "text/xml; charset=utf-8"
    addresses = root.findall(".//{*}address")
    assert {each.get("location") for each in addresses} == {"https://pay.example/pay/post?a=1&b=2"}
    bindings = root.findall("{*}binding")
    assert len(bindings) == 2
    for place in (*bindings, *root.findall("{*}portType")):
        assert [each.get("name") for each in place.findall("{*}operation")] == list(OPERATIONS)


def test_the_schema_is_served_by_itself_and_in_the_wsdl() -> None:
    _, wsdl = CODEC.documents["wsdl"]("http://localhost/")
    _, xsd = CODEC.documents["xsd"]("http://localhost/")
    (inside,) = etree.fromstring(wsdl).findall(".//{*}schema")
    assert etree.tostring(inside, method="c14n", exclusive=True) == etree.tostring(
        etree.fromstring(xsd), method="c14n", exclusive=True
    )
    elements = {each.get("name") for each in inside.findall("{*}element")}
    assert elements == {*OPERATIONS, *(f"{name}Response" for name in OPERATIONS), "Failure"}


def test_every_operation_of_the_wsdl_is_a_command() -> None:
    assert set(OPERATIONS.values()) | {Operation.UNKNOWN} == CODEC.operations
