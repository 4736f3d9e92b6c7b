"""JSON-RPC: what is a call, what is refused and as what, and that ids come back as they were."""

from __future__ import annotations

import datetime as dt

import msgspec
import pytest

from server.protocols import Request, json_rpc
from server.refusals import Refusal, Refused
from tests.protocols.vectors import make_agent


class Parameters(msgspec.Struct):
    name: str


DECODER = msgspec.json.Decoder(Parameters)


def request(body: bytes, method: str = "POST") -> Request:
    now = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
    return Request(method, "/pay/x", "", {}, body, make_agent("payme"), now)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", json_rpc.NOT_JSON),
        (b"{", json_rpc.NOT_JSON),
        (b"\xff", json_rpc.NOT_JSON),
        (b'{"method":"\xff"}', json_rpc.NOT_JSON),
        (b'{"method":"a","params":' + b"[" * 50_000, json_rpc.NOT_JSON),
        (b'"' + b"a" * json_rpc.BODY_BYTES_MAX + b'"', json_rpc.NOT_JSON),
        (b"null", json_rpc.NOT_A_CALL),
        (b"[]", json_rpc.NOT_A_CALL),
        (b"{}", json_rpc.NOT_A_CALL),
        (b'{"method":1}', json_rpc.NOT_A_CALL),
        (b'{"method":"a","id":{}}', json_rpc.NOT_A_CALL),
        (b'{"method":"a","id":true}', json_rpc.NOT_A_CALL),
        (b'{"method":"a","id":1e3}', json_rpc.NOT_A_CALL),
    ],
)
def test_what_is_no_call_is_refused_as_what_it_is(body: bytes, field: str) -> None:
    with pytest.raises(Refused) as refused:
        json_rpc.read(request(body))
    assert (refused.value.refusal, refused.value.field) == (Refusal.MALFORMED, field)


def test_only_a_post_is_a_call() -> None:
    with pytest.raises(Refused) as refused:
        json_rpc.read(request(b'{"method":"a"}', "GET"))
    assert refused.value.field == json_rpc.NOT_POST


@pytest.mark.parametrize(
    ("written", "echoed"),
    [
        (b"7", 7),
        (b"-7", -7),
        (b'"007"', "007"),
        (b"null", None),
        (b"9223372036854775807", 2**63 - 1),
        (b"100000000000000000000", None),
        (b'"' + b"x" * 65 + b'"', None),
    ],
)
def test_an_id_comes_back_as_it_was(written: bytes, echoed: json_rpc.Id) -> None:
    call = json_rpc.read(request(b'{"method":"a","id":' + written + b"}"))
    assert call.id == echoed
    assert msgspec.json.decode(json_rpc.result(call.id, {}).body)["id"] == echoed


def test_parameters_are_read_by_type() -> None:
    call = json_rpc.read(request(b'{"method":"a","params":{"name":"b","more":1}}'))
    assert json_rpc.params(call, DECODER).name == "b"
    for params in (b"{}", b"[]", b"null", b'{"name":1}', b'{"name":"\xff"}'):
        call = json_rpc.read(request(b'{"method":"a","params":' + params + b"}"))
        with pytest.raises(Refused) as refused:
            json_rpc.params(call, DECODER)
        assert refused.value.field == json_rpc.NOT_A_CALL


@pytest.mark.parametrize(
    "body",
    [
        b'{"method":"a","method":"a","params":{"name":"b"}}',
        b'{"method":"a","params":{"name":"c","name":"b"}}',
        b'{"method":"a","params":{"name":"b","more":[{"x":1,"\\u0078":1}]}}',
    ],
)
def test_a_name_given_twice_is_refused(body: bytes) -> None:
    call = json_rpc.read(request(body))
    with pytest.raises(Refused) as refused:
        json_rpc.params(call, DECODER)
    assert refused.value.field == json_rpc.NOT_A_CALL


def test_an_error_has_data_only_where_there_is_some() -> None:
    assert b'"data"' not in json_rpc.error(1, -1, "no").body
    assert json_rpc.error(1, -1, "no", "key").body.endswith(b'"data":"key"}}')
