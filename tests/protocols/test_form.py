"""Query strings and form bodies: strict, and the same for GET and POST."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote, unquote_to_bytes, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocols import Request, form
from server.refusals import Refusal, Refused
from tests.protocols.vectors import make_agent

FORM_TYPE = {"content-type": "application/x-www-form-urlencoded"}


def get(query: str, method: str = "GET") -> Request:
    now = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
    return Request(method, "/pay/osmp", query, {}, b"", make_agent("osmp"), now)


def post(body: bytes, headers: dict[str, str] = FORM_TYPE, query: str = "") -> Request:
    now = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
    return Request("POST", "/pay/osmp", query, headers, body, make_agent("osmp"), now)


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=10))
def test_what_a_browser_would_send_is_read_back(values: dict[str, str]) -> None:
    written = urlencode(values)
    for request in (get(written), post(written.encode())):
        read = form.read(request)
        for name, value in values.items():
            if name.isascii():
                assert read.get(name) == value
    assert len(form.read(get(written)).values) == len(values)


def test_an_absent_parameter_is_empty_and_not_contained() -> None:
    read = form.read(get("a=&b"))
    assert [read.get(name) for name in "abc"] == ["", "", ""]
    assert [name in read for name in "abc"] == [True, True, False]


def test_plus_and_percent_20_are_spaces() -> None:
    assert form.read(get("a=1+2%203%2B")).get("a") == "1 2 3+"


def test_separators_without_a_parameter_are_ignored() -> None:
    assert form.read(get("&&a=1&")).values == {"a": "1"}


def test_a_value_may_hold_an_equals_sign() -> None:
    assert form.read(get("a=b=c")).get("a") == "b=c"


def test_windows_1251_is_read_when_the_agent_writes_it() -> None:
    assert form.read(get("a=%C8%E2%E0%ED%EE%E2"), "windows-1251").get("a") == "Иванов"


def test_a_wrong_encoding_matters_only_to_who_asks() -> None:
    read = form.read(get("a=1&b=%FF"))
    assert read.get("a") == "1"
    with pytest.raises(Refused) as refused:
        read.get("b")
    assert (refused.value.refusal, refused.value.field) == (Refusal.MALFORMED, "b")


def test_a_parameter_given_twice_matters_only_to_who_asks() -> None:
    read = form.read(get("a=1&b=2&b=2"))
    assert read.get("a") == "1"
    with pytest.raises(Refused):
        read.get("b")


def test_an_encoded_name_is_the_same_name() -> None:
    with pytest.raises(Refused):
        form.read(get("account=1&%61ccount=2")).get("account")


def test_names_may_be_compared_without_case() -> None:
    read = form.read(get("AcTiOn=Check"), fold_case=True)
    assert read.get("action") == "Check"
    with pytest.raises(Refused):
        form.read(get("ACTION=a&action=b"), fold_case=True).get("action")


def test_query_and_body_of_a_post_are_one_form() -> None:
    read = form.read(post(b"b=2", query="a=1"))
    assert (read.get("a"), read.get("b")) == ("1", "2")
    with pytest.raises(Refused):
        form.read(post(b"a=2", query="a=1")).get("a")


def test_a_get_has_no_body() -> None:
    request = Request(
        "GET", "/", "a=1", {}, b"a=2&b=3", make_agent("osmp"), dt.datetime.now(dt.UTC)
    )
    assert form.read(request).values == {"a": "1"}


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(get("a=%"), id="percent alone"),
        pytest.param(get("a=%4"), id="one digit"),
        pytest.param(get("a=%zz"), id="no digits"),
        pytest.param(get("note=100%"), id="also where nobody asks"),
        pytest.param(get("a=1 2"), id="raw space"),
        pytest.param(get("a=1\0"), id="raw NUL"),
        pytest.param(get("a=я"), id="raw letter"),
        pytest.param(get("a=\udcff"), id="raw byte in a query"),
        pytest.param(post(b"a=\xff"), id="raw byte in a body"),
        pytest.param(post(b"a=1\r\n"), id="line end"),
        pytest.param(get("a=" + "1" * form.BYTES_MAX), id="large"),
        pytest.param(get("&".join(f"a{n}=" for n in range(101))), id="many"),
        pytest.param(get("a=1", "PUT"), id="method"),
        pytest.param(get("a=1", "get"), id="method in small letters"),
        pytest.param(post(b"{}", {"content-type": "application/json"}), id="JSON"),
        pytest.param(post(b"a=1", {"content-type": "multipart/form-data"}), id="multipart"),
    ],
)
def test_what_is_no_form_is_refused(request_: Request) -> None:
    with pytest.raises(Refused) as refused:
        form.read(request_)
    assert refused.value.refusal is Refusal.MALFORMED


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": ""}, {"content-type": "Application/X-WWW-Form-Urlencoded ; charset=x"}],
)
def test_a_form_may_leave_out_its_type_or_add_to_it(headers: dict[str, str]) -> None:
    assert form.read(post(b"a=1", headers)).get("a") == "1"


def test_every_escape_of_every_byte_is_read() -> None:
    every = "".join(map(chr, range(256)))
    assert form.read(get("a=" + quote(every, encoding="latin-1")), "latin-1").get("a") == every


@given(
    st.lists(
        st.sampled_from(["%3D", "%0A", "%0d%0a", "%25", "%41", "%00", "%7E", ".", "_", "~", "0D"])
    ).map("".join)
)
def test_every_escape_is_the_byte_that_it_names(written: str) -> None:
    read = form.read(get(f"a={written}={written}"), "latin-1")
    assert read.get("a") == unquote_to_bytes(f"{written}={written}").decode("latin-1")
