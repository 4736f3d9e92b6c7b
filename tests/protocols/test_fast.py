"""The fast pairs: nothing is recognised that is not a plain check, and the bytes are encode's."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.accounts import AccountView, ServiceNames
from server.agents import Agent
from server.messages import AccountChecked, CheckAccount, Command
from server.protocols import Codec, Fast, Request, load
from server.refusals import Refusal, Refused
from tests.protocols.junk import junk_requests, mutated, views
from tests.protocols.vectors import Vector, load_accounts, load_vectors

CODECS = [codec for codec in load().values() if codec.fast is not None]
VECTORS = [vector for vector in load_vectors() if load()[vector.protocol].fast is not None]
QUERY_BYTES_MAX = 2048
SETTINGS: dict[str, list[dict[str, str]]] = {
    "osmp": [
        {},
        {"encoding": "windows-1251", "transaction_tag": "txn_id"},
        {"check_sum": "optional"},
        {"check_sum": "positive", "currency": "KZT"},
        {"readings": "on"},
    ],
    "sber": [{}, {"encoding": "windows-1251", "balance_sign": "debt_positive"}],
    "paynet": [{}, {"meter_prefix": "", "account_key": "ls"}],
}
"""Dialects that must have a fast pair."""
PLAIN = {"osmp": "check", "sber": "check", "paynet": "information"}
"""The vector of the plainest check."""

every_codec = pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)


def fast_of(codec: Codec, agent: Agent) -> Fast | None:
    assert codec.fast is not None
    return codec.fast(agent)


def with_secrets(vector: Vector) -> Request:
    agent = replace(vector.request.agent, secrets=(vector.secrets,))
    return replace(vector.request, agent=agent)


def content(fast: Fast, request: Request) -> bytes | None:
    """What the fast lane would show to `recognise`."""
    if request.method not in fast.methods or (request.method == "POST" and request.query):
        return None
    if request.method == "GET":
        return request.query.encode("utf-8", "surrogatepass")
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return request.body if media_type in fast.media_types else None


def recognised(codec: Codec, request: Request) -> tuple[bytes, bytes, int] | None:
    fast = fast_of(codec, request.agent)
    given_bytes = content(fast, request) if fast else None
    return None if fast is None or given_bytes is None else found_in(fast, given_bytes)


def found_in(fast: Fast, given: bytes) -> tuple[bytes, bytes, int] | None:
    """What is recognised among other bytes, as on a connection."""
    around = b"&sum=1 HTTP/1.1"
    return fast.recognise(around + given + around, len(around), len(around) + len(given))


def understood(codec: Codec, request: Request) -> Command | Refusal:
    for secrets in request.agent.secrets:
        try:
            codec.verify(request, secrets, request.received_at)
            return codec.decode(request)
        except Refused as refused:
            refusal = refused.refusal
    return refusal


def answered(fast: Fast, echo: bytes, view: AccountView, received_at: dt.datetime) -> bytes:
    services = ServiceNames(
        tuple(each.service for each in view.services), tuple(each.name for each in view.services)
    )
    debts = [each.debt.kopecks for each in view.services]
    shown = fast.render(view.holder, view.address, view.debt.kopecks, services, debts, view.meters)
    return fast.opening(received_at) + echo + shown


def require_same(codec: Codec, request: Request) -> bool:
    """What is recognised is what is understood; returns whether it is recognised."""
    found = recognised(codec, request)
    if found is None:
        return False
    account, _, amount = found
    command = understood(codec, request)
    assert isinstance(command, CheckAccount)
    asked = command.amount.kopecks if command.amount else 0
    assert (command.account.encode(), asked) == (account, amount)
    return True


def plain_request(codec: Codec, settings: dict[str, str]) -> Request:
    (vector,) = (v for v in VECTORS if v.name == f"{codec.name}/{PLAIN[codec.name]}")
    request = with_secrets(vector)
    body = request.body.replace(b"clientid", settings.get("account_key", "clientid").encode())
    return replace(request, body=body, agent=replace(request.agent, settings=settings))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_a_vector_is_recognised_as_what_it_means_and_answered_with_its_bytes(
    vector: Vector,
) -> None:
    codec, request = load()[vector.protocol], with_secrets(vector)
    found = recognised(codec, request)
    if found is None:
        return
    assert require_same(codec, request)
    fast = fast_of(codec, request.agent)
    assert fast is not None
    for reply in vector.replies:
        if isinstance(reply.outcome, AccountChecked):
            body = answered(fast, found[1], reply.outcome.view, request.received_at)
            assert body == reply.body
            assert fast.content_type == (reply.content_type or fast.content_type)


@every_codec
def test_every_protocols_plain_check_is_recognised_in_every_dialect(codec: Codec) -> None:
    for settings in SETTINGS[codec.name]:
        assert require_same(codec, plain_request(codec, settings)), settings


@every_codec
@given(data=st.data())
def test_what_is_recognised_is_a_check_that_would_be_understood(
    codec: Codec, data: st.DataObject
) -> None:
    settings = data.draw(st.sampled_from(SETTINGS[codec.name]))
    vectors = [with_secrets(v) for v in VECTORS if v.protocol == codec.name]
    request = data.draw(st.sampled_from([plain_request(codec, settings), *vectors]))
    request = replace(request, agent=replace(request.agent, settings=settings))
    for _ in range(data.draw(st.integers(0, 2))):
        request = data.draw(mutated(request))
    require_same(codec, request)


@every_codec
@given(data=st.data())
def test_junk_is_recognised_only_if_it_would_be_understood(
    codec: Codec, data: st.DataObject
) -> None:
    agent = plain_request(codec, {}).agent
    require_same(codec, data.draw(junk_requests(agent)))


@every_codec
@given(data=st.data())
def test_an_answer_has_the_bytes_of_encode(codec: Codec, data: st.DataObject) -> None:
    settings = data.draw(st.sampled_from(SETTINGS[codec.name]))
    view = data.draw(st.one_of(st.sampled_from(list(load_accounts().values())), views()))
    request = plain_request(codec, settings)
    fast, found = fast_of(codec, request.agent), recognised(codec, request)
    assert fast is not None
    assert found is not None
    body = answered(fast, found[1], view, request.received_at)
    assert body == codec.encode(request, AccountChecked(view)).body


@every_codec
def test_what_is_longer_than_the_fast_lane_reads_is_not_recognised(codec: Codec) -> None:
    request = plain_request(codec, {})
    fast = fast_of(codec, request.agent)
    assert fast is not None
    if "GET" in fast.methods:
        rest = "&more=" + "1" * (QUERY_BYTES_MAX - len(request.query) - 5)
        assert found_in(fast, (request.query + rest).encode()) is None
        assert found_in(fast, (request.query + rest[:-100]).encode()) is not None


# --- paynet -----------------------------------------------------------------------------------


def soap_body(account: bytes) -> bytes:
    (vector,) = (v for v in VECTORS if v.name == "paynet/information")
    return vector.request.body.replace(b"1004217", account)


def paynet_fast() -> Fast:
    codec = load()["paynet"]
    fast = fast_of(codec, plain_request(codec, {}).agent)
    assert fast is not None
    return fast


def test_a_client_that_was_understood_once_is_recognised_by_how_it_writes() -> None:
    fast = paynet_fast()
    for account in (b"1004217", b"7", b"A-1_b", b"9" * 30):
        assert found_in(fast, soap_body(account)) == (account, b"", 0)
    for account in (b"", b"9" * 31, b"1</paramValue>", b"1 2", b"&lt;", "ё".encode()):
        assert found_in(fast, soap_body(account)) is None
    for account in (b"&#49;", b" 1\n"):  # the parser says what these are
        assert found_in(fast, soap_body(account)) == (b"1", b"", 0)


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        (b"paynet-demo", b"paynet-demO"),
        (b"<username>paynet<", b"<username>paynt<"),
        (b"<serviceId>1<", b"<serviceId>2<"),
        (b"GetInformation", b"CheckTransaction"),
        (b"</soapenv:Envelope>", b""),
        (b"</soapenv:Envelope>", b"</soapenv:Envelope><!-- -->"),
        (b"</soapenv:Envelope>", b"</soapenv:Envelope>x"),
    ],
)
def test_a_request_that_differs_anywhere_else_is_read_anew(what: bytes, instead: bytes) -> None:
    fast, codec = paynet_fast(), load()["paynet"]
    assert found_in(fast, soap_body(b"1004217")) is not None
    body = soap_body(b"1004218")
    assert what in body
    changed = replace(plain_request(codec, {}), body=body.replace(what, instead))
    understood_as_check = isinstance(understood(codec, changed), CheckAccount)
    assert (found_in(fast, changed.body) is not None) == understood_as_check


@pytest.mark.parametrize(
    "body",
    [
        soap_body(b"&#49;004217<!--1004217-->"),
        soap_body(b"<![CDATA[1004217]]>"),
        soap_body(b"1004217").replace(b"<u:GetI", b"<?skip 55?><u:GetI"),
        soap_body(b"1004217<!-- -->"),
    ],
)
def test_nothing_is_learned_from_a_document_with_more_than_elements_and_text(body: bytes) -> None:
    fast = paynet_fast()
    found_in(fast, body)
    other = body.replace(b"1004217", b"9")
    codec = load()["paynet"]
    command = understood(codec, replace(plain_request(codec, {}), body=other))
    assert isinstance(command, CheckAccount)
    assert found_in(fast, other) == (command.account.encode(), b"", 0)
