"""Paynet beyond its vectors: the contract served, credentials, refusals, junk."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from server.messages import (
    Cancel,
    CheckAccount,
    GetStatement,
    Outcome,
    Pay,
    Payment,
    PaymentAccepted,
    PaymentState,
    ReadingResult,
    RefusedOutcome,
    SecretChanged,
    Statement,
)
from server.money import Money
from server.protocols import Request
from server.protocols.paynet.codec import CODEC
from server.refusals import Refusal, Refused
from tests.protocols.junk import junk_requests, mutated, outcomes
from tests.protocols.vectors import Vector, load_vectors, make_agent

XS = "{http://www.w3.org/2001/XMLSchema}"
NOW = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
SECRETS = {"username": "paynet", "password": "paynet-demo"}
OPERATIONS = (
    "GetInformation",
    "PerformTransaction",
    "CheckTransaction",
    "CancelTransaction",
    "GetStatement",
    "ChangePassword",
)
VECTORS = [vector for vector in load_vectors() if vector.protocol == "paynet"]


def served_schema() -> etree.XMLSchema:
    _, document = CODEC.documents["wsdl"]("https://example.org/pay/paynet")
    (schema,) = etree.fromstring(document).iter(f"{XS}schema")
    return etree.XMLSchema(etree.fromstring(etree.tostring(schema)))


SCHEMA = served_schema()


def request(inside: str, operation: str = "PerformTransaction", **settings: str) -> Request:
    root = f"{operation}Arguments"
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<u:{root} xmlns:u="http://uws.provider.com/"><password>paynet-demo</password>'
        f"<username>paynet</username>{inside}</u:{root}></e:Body></e:Envelope>"
    )
    agent = make_agent("paynet", "Asia/Tashkent", **settings)
    return Request("POST", "/pay/paynet", "", {}, body.encode(), agent, NOW)


def parameter(key: str, value: str) -> str:
    return f"<parameters><paramKey>{key}</paramKey><paramValue>{value}</paramValue></parameters>"


def payment_request(parameters: str = parameter("clientid", "1004217"), **values: str) -> Request:
    fields = {
        "amount": "152340",
        "serviceId": "1",
        "transactionId": "437",
        "transactionTime": "2026-01-15T12:20:30+05:00",
    } | values
    inside = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items() if value)
    return request(parameters + inside)


def refused(request: Request) -> Refused:
    with pytest.raises(Refused) as caught:
        CODEC.decode(request)
    return caught.value


def answered(request: Request, outcome: Outcome) -> etree._Element:
    """The result in the reply, held against the schema that we serve unless it is a fault."""
    envelope = etree.fromstring(CODEC.encode(request, outcome).body)
    result = envelope[0][0]
    if not str(result.tag).endswith("}Fault"):
        SCHEMA.assertValid(etree.fromstring(etree.tostring(result)))
    return result


def status(request: Request, outcome: Outcome) -> str | None:
    return answered(request, outcome).findtext("status")


# --- the contract -----------------------------------------------------------------------------


def test_the_wsdl_differs_between_addresses_in_the_address_only() -> None:
    kind, document = CODEC.documents["wsdl"]('https://a.example/pay/paynet?x=1&y="2"')
    assert kind == "text/xml; charset=utf-8"
    root = etree.fromstring(document)
    (address,) = root.iter("{http://schemas.xmlsoap.org/wsdl/soap/}address")
    assert address.get("location") == 'https://a.example/pay/paynet?x=1&y="2"'
    _, other = CODEC.documents["wsdl"]("http://b")
    escaped = b"https://a.example/pay/paynet?x=1&amp;y=&quot;2&quot;"
    assert document.replace(escaped, b"http://b") == other


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.case)
def test_every_reply_of_the_vectors_keeps_to_the_served_schema(vector: Vector) -> None:
    for reply in vector.replies:
        answered(vector.request, reply.outcome)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("refusal", Refusal)
def test_every_refusal_is_a_status_in_the_operations_own_result(
    operation: str, refusal: Refusal
) -> None:
    result = answered(request("", operation), RefusedOutcome(refusal))
    assert result.tag == f"{{http://uws.provider.com/}}{operation}Result"
    assert result.findtext("status") not in (CODEC.ok, CODEC.duplicate)


# --- credentials ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secrets", "good"),
    [
        (SECRETS, True),
        ({"username": "paynet", "password": "other"}, False),
        ({"username": "other", "password": "paynet-demo"}, False),
        ({"username": "paynet"}, False),
        ({}, False),
    ],
)
def test_both_credentials_must_be_the_agents(secrets: dict[str, str], good: bool) -> None:
    if good:
        CODEC.verify(payment_request(), secrets, NOW)
        return
    with pytest.raises(Refused) as caught:
        CODEC.verify(payment_request(), secrets, NOW)
    assert caught.value.refusal is Refusal.NOT_AUTHENTIC


def test_an_agent_without_secrets_admits_nobody_with_empty_credentials() -> None:
    body = payment_request().body.replace(b"paynet-demo", b"").replace(b">paynet<", b"><")
    with pytest.raises(Refused) as caught:
        CODEC.verify(replace(payment_request(), body=body), {"username": "", "password": ""}, NOW)
    assert caught.value.refusal is Refusal.NOT_AUTHENTIC


def test_no_value_of_a_refused_request_reaches_the_log() -> None:
    secret = "<newPassword>12345</newPassword>"
    assert "12345" not in str(refused(request(secret, "ChangePassword")))
    assert "10 04" not in str(refused(payment_request(parameter("clientid", "10 04"))))


# --- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-01-15T12:20:30", dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC)),
        ("2026-01-15 12:20:30", dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC)),
        ("2026-01-15T12:20:30+03:00", dt.datetime(2026, 1, 15, 9, 20, 30, tzinfo=dt.UTC)),
        ("2026-01-15T12:20:30-01:30", dt.datetime(2026, 1, 15, 13, 50, 30, tzinfo=dt.UTC)),
        ("\n2026-01-15T12:20:30Z ", dt.datetime(2026, 1, 15, 12, 20, 30, tzinfo=dt.UTC)),
        ("2026-01-15T12:20:30.1234567Z", dt.datetime(2026, 1, 15, 12, 20, 30, tzinfo=dt.UTC)),
    ],
)
def test_times_are_read_with_and_without_an_offset(written: str, utc: dt.datetime) -> None:
    command = CODEC.decode(payment_request(transactionTime=written))
    assert isinstance(command, Pay)
    assert command.paid_at == utc


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-15",
        "15.01.2026 12:20:30",
        "2026-01-15T24:00:00",
        "2026-01-15T12:20:60",
        "2026-01-15T12:20:30+15:00",
        "1999-12-31T00:00:00",
        "2100-01-01T00:00:00",
        "2026-W03-4T12:20:30",
        "2026-01-15  12:20:30",
        "٢٠26-01-15T12:20:30",
    ],
)
def test_other_times_are_refused(written: str) -> None:
    assert refused(payment_request(transactionTime=written)).refusal is Refusal.DATE_MALFORMED


@pytest.mark.parametrize(
    ("name", "value", "refusal"),
    [
        ("amount", "+1", Refusal.AMOUNT_MALFORMED),
        ("amount", "1e3", Refusal.AMOUNT_MALFORMED),
        ("amount", "١٠٠", Refusal.AMOUNT_MALFORMED),
        ("amount", "000", Refusal.AMOUNT_MALFORMED),
        ("transactionId", "-1", Refusal.PAYMENT_ID_MALFORMED),
        ("transactionId", "a", Refusal.PAYMENT_ID_MALFORMED),
        ("serviceId", "x", Refusal.MALFORMED),
        ("transactionId", "", Refusal.MALFORMED),
        ("transactionTime", "", Refusal.MALFORMED),
        ("serviceId", "", Refusal.MALFORMED),
    ],
)
def test_a_field_of_the_wrong_form_names_its_own_refusal(
    name: str, value: str, refusal: Refusal
) -> None:
    assert refused(payment_request(**{name: value})).refusal is refusal


@pytest.mark.parametrize("account", ["", "a b", "1" * 31, "100\u200b4217", "\u2028"])
def test_an_account_of_the_wrong_form_is_refused_by_its_parameter(account: str) -> None:
    wanted = payment_request(parameter("phone", "1") + parameter("clientid", account))
    error = refused(wanted)
    assert error.refusal is Refusal.ACCOUNT_MALFORMED
    assert status(wanted, RefusedOutcome(error.refusal, field=error.field)) == "402"


def test_a_parameter_after_the_tenth_has_no_code_of_its_own() -> None:
    ten = "".join(parameter(f"p{number}", "1") for number in range(10))
    last = payment_request(ten + parameter("clientid", "a b"))
    assert status(last, RefusedOutcome(Refusal.ACCOUNT_MALFORMED)) == "401"
    tenth = payment_request(ten.replace(parameter("p0", "1"), "") + parameter("clientid", "a b"))
    assert status(tenth, RefusedOutcome(Refusal.ACCOUNT_MALFORMED)) == "410"


def test_two_readings_of_one_meter_are_refused() -> None:
    twice = parameter("clientid", "1004217") + parameter("meter_A", "1") * 2
    assert refused(payment_request(twice)).refusal is Refusal.READING_IMPLAUSIBLE


def test_what_a_check_shows_about_meters_is_no_reading_when_it_is_echoed() -> None:
    (vector,) = [vector for vector in VECTORS if vector.case == "information"]
    shown = answered(vector.request, vector.replies[0].outcome).findall("parameters")
    echoed = "".join(
        parameter(item.findtext("paramKey", ""), item.findtext("paramValue", "")) for item in shown
    )
    command = CODEC.decode(payment_request(parameter("clientid", "1004217") + echoed))
    assert isinstance(command, Pay)
    assert command.readings == ()


def test_a_statement_begins_with_the_second_that_it_names() -> None:
    """Payments are kept to the second: one of 12:20:30.7 is recorded as of 12:20:30."""
    inside = "<dateFrom>2026-01-15T12:20:30.7</dateFrom><dateTo>2026-01-15T12:20:30.9</dateTo>"
    command = CODEC.decode(request(inside + "<serviceId>1</serviceId>", "GetStatement"))
    assert isinstance(command, GetStatement)
    assert command.since == dt.datetime(2026, 1, 15, 7, 20, 30, tzinfo=dt.UTC)
    assert command.until == command.since


def test_a_nil_parameter_is_none() -> None:
    nil = (
        '<parameters xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:nil="true"/>'
        + parameter("clientid", "1004217")
        + "<serviceId>1</serviceId>"
    )
    assert CODEC.decode(request(nil, "GetInformation")) == CheckAccount("1004217")


def test_a_long_reason_is_cut() -> None:
    note = parameter("cancel_reason_note", "ж" * 1000)
    inside = f"{note}<serviceId>1</serviceId><transactionId>437</transactionId>"
    command = CODEC.decode(request(inside, "CancelTransaction"))
    assert command == Cancel(agent_payment_id="437", reason="ж" * 250)


def test_a_request_of_thousands_of_elements_is_refused() -> None:
    many = parameter("x", "1") * 2000
    wanted = payment_request(many + parameter("clientid", "1004217"))
    assert refused(wanted).refusal is Refusal.MALFORMED
    assert status(wanted, RefusedOutcome(Refusal.MALFORMED)) == "411"


# --- answers ----------------------------------------------------------------------------------


def payment(**changes: object) -> Payment:
    recorded = dt.datetime(2026, 1, 15, 7, 20, 31, tzinfo=dt.UTC)
    return replace(
        Payment(
            payment_id=700125,
            agent="paynet",
            agent_payment_id="437",
            account="1004217",
            amount=Money(152340),
            paid_at=recorded,
            recorded_at=recorded,
            state=PaymentState.CREDITED,
            state_at=recorded,
        ),
        **changes,  # type: ignore[arg-type]
    )


def test_a_repeat_differs_from_the_first_answer_in_status_and_text_only() -> None:
    first = CODEC.encode(payment_request(), PaymentAccepted(payment())).body
    later = replace(payment_request(), received_at=NOW + dt.timedelta(days=400))
    again = CODEC.encode(later, PaymentAccepted(payment(), repeated=True)).body
    assert again == first.replace(
        b"<errorMsg>OK</errorMsg><status>0</status>",
        "<errorMsg>Транзакция уже проведена</errorMsg><status>201</status>".encode(),
    )


def test_what_became_of_a_reading_is_told_with_the_payment() -> None:
    results = (ReadingResult("A"), ReadingResult("B", Refusal.METER_NOT_FOUND))
    result = answered(payment_request(), PaymentAccepted(payment(readings=results)))
    told = {item.findtext("paramKey"): item.findtext("paramValue") for item in result[3:-1]}
    assert told == {"clientid": "1004217", "meter_A": "OK", "meter_B": "Прибор учёта не найден"}


def test_an_outcome_that_does_not_fit_the_operation_is_never_a_success() -> None:
    for operation in OPERATIONS[:-1]:
        assert status(request("", operation), SecretChanged()) == "102"


def test_a_fault_blames_us_when_we_cannot_tell() -> None:
    junk = replace(payment_request(), body=b"junk")
    fault = answered(junk, RefusedOutcome(Refusal.TRY_LATER))
    assert fault.findtext("faultcode") == "soapenv:Server"


# --- junk -------------------------------------------------------------------------------------

XML_TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="<&\ufffe\uffff"
    )
)
NAMES = st.sampled_from(
    ("amount", "parameters", "serviceId", "transactionId", "transactionTime", "newPassword",
     "dateFrom", "dateTo", "onlyTransactionId", "paramKey", "username", "x")
)  # fmt: skip
FIELDS = st.one_of(
    st.builds("<{0}>{1}</{0}>".format, NAMES, XML_TEXT),
    st.builds(
        parameter, st.sampled_from(("clientid", "meter_", "meter_1", "terminal_id")), XML_TEXT
    ),
    st.builds("<{0}><{1}/>1</{0}>".format, NAMES, NAMES),
)
PLAUSIBLE = st.builds(
    lambda operation, fields: request("".join(fields), operation),
    st.sampled_from((*OPERATIONS, "Other")),
    st.lists(FIELDS, max_size=8),
)


@settings(max_examples=400)
@given(st.one_of(PLAUSIBLE, st.sampled_from(VECTORS).flatmap(lambda it: mutated(it.request))))
def test_an_envelope_of_anything_is_a_command_or_a_refusal_with_a_valid_answer(
    wanted: Request,
) -> None:
    outcome = RefusedOutcome(Refusal.TRY_LATER)
    try:
        CODEC.decode(wanted)
    except Refused as error:
        outcome = RefusedOutcome(error.refusal, field=error.field)
    answered(wanted, outcome)


@settings(max_examples=400)
@given(
    st.one_of(PLAUSIBLE, junk_requests(make_agent("paynet", "Asia/Tashkent"))),
    outcomes(),
)
def test_every_answer_keeps_to_the_served_schema(wanted: Request, outcome: Outcome) -> None:
    answered(wanted, with_digits_for_ids(outcome))


def with_digits_for_ids(outcome: Outcome) -> Outcome:
    """Ids that reach a statement have come through `decode`: digits, whatever the property says."""
    if not isinstance(outcome, Statement):
        return outcome
    return Statement(tuple(replace(it, agent_payment_id="437") for it in outcome.payments))
