"""Who may speak for an agent: addresses, proxies, client certificates, Basic; in both lanes."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from server.agents import Agent
from server.transport.admission import (
    BASIC_LOGIN,
    BASIC_PASSWORD,
    CLIENT_CERTIFICATE,
    Admission,
    Peer,
    admission,
    basic_faults,
    certificate_faults,
    peer_of,
)
from tests.transport.doors import LOOPBACK, Exchange, agent, check, opened

PROXIES = (ip_network("127.0.0.2/32"), ip_network("10.1.0.0/16"))
PROXY = "127.0.0.2"
NOW = dt.datetime(2026, 1, 15, tzinfo=dt.UTC)
LOGIN = {BASIC_LOGIN: "bank", BASIC_PASSWORD: "correct horse"}
OLD_LOGIN = {BASIC_LOGIN: "bank", BASIC_PASSWORD: "battery: staple"}


@dataclass(frozen=True)
class Certificate:
    """A client certificate as proxies hand it on."""

    pem: str
    der: bytes

    @property
    def fingerprint(self) -> str:
        return f"sha256:{hashlib.sha256(self.der).hexdigest()}"

    @property
    def as_nginx_has_it(self) -> str:
        return quote(self.pem)

    @property
    def as_in_rfc_9440(self) -> str:
        return f":{base64.b64encode(self.der).decode()}:"


def certificate(subject: str) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name.from_rfc4514_string(subject)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Certificate(made.public_bytes(Encoding.PEM).decode(), made.public_bytes(Encoding.DER))


SUBJECT = "CN=pay.bank.example,O=Банк «Заречный»,C=RU"
OURS, OTHER = certificate(SUBJECT), certificate("CN=pay.other.example,O=Другой,C=RU")


def basic(text: str) -> str:
    return f"Basic {base64.b64encode(text.encode()).decode()}"


AGENTS = {
    each.name: each
    for each in (
        agent("osmp"),
        agent("osmp", name="login", settings={"basic": "on"}, secrets=(LOGIN, OLD_LOGIN)),
        agent("osmp", name="pinned", settings={"client_certificate": OURS.fingerprint}),
        agent("osmp", name="named", settings={"client_certificate": f"subject:{SUBJECT}"}),
        agent("osmp", name="far", allow_list=(ip_network("203.0.113.0/24"),)),
        agent("sber", name="sber"),
    )
}


# --- the rules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("forwarded", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.1.2.3", "203.0.113.7"),
        ("::ffff:10.1.2.3", ""),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "unknown"),
        ("", ""),
        ("10.1.2.3", ""),
    ],
)
def test_a_proxy_speaks_for_the_last_who_is_no_proxy(forwarded: str, address: str) -> None:
    peer = peer_of(PROXY, {"x-forwarded-for": forwarded}, PROXIES)
    assert peer == Peer(address, is_proxied=True)
    assert peer_of("127.0.0.1", {"x-forwarded-for": forwarded}, PROXIES) == Peer("127.0.0.1")


def test_a_proxy_that_says_nothing_speaks_for_nobody() -> None:
    assert peer_of(PROXY, {}, PROXIES) == Peer("", is_proxied=True)
    assert admission(AGENTS["osmp"], Peer("", is_proxied=True), {}) is Admission.FORBIDDEN


@pytest.mark.parametrize("address", ["", "nobody", "127.0.0.1.5", "fe80::1%eth0", "128.0.0.1"])
def test_what_is_no_address_of_the_agents_is_not_let_in(address: str) -> None:
    assert admission(AGENTS["osmp"], Peer(address), {}) is Admission.FORBIDDEN
    assert admission(AGENTS["osmp"], Peer("::ffff:127.0.0.1"), {}) is Admission.ADMITTED


@pytest.mark.parametrize("name", ["pinned", "named"])
@pytest.mark.parametrize("written", ["as_nginx_has_it", "as_in_rfc_9440"])
def test_the_certificate_counts_only_from_a_proxy_of_ours(name: str, written: str) -> None:
    heads = {"client-cert": getattr(OURS, written)}
    proxied = Peer("127.0.0.1", is_proxied=True)
    assert admission(AGENTS[name], proxied, heads) is Admission.ADMITTED
    assert admission(AGENTS[name], Peer("127.0.0.1"), heads) is Admission.FORBIDDEN
    other = {"client-cert": getattr(OTHER, written)}
    assert admission(AGENTS[name], proxied, other) is Admission.FORBIDDEN


@pytest.mark.parametrize("shown", ["", "::", ":!:", ":AAAA:", "%", "-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_is_nobodys(shown: str) -> None:
    for name in ("pinned", "named"):
        peer = Peer("127.0.0.1", is_proxied=True)
        assert admission(AGENTS[name], peer, {"client-cert": shown}) is Admission.FORBIDDEN


def test_a_subject_is_compared_whole() -> None:
    for longer in (f"{SUBJECT},L=Заречный", "CN=pay.bank.example", f"CN=x,{SUBJECT}"):
        shown = {"client-cert": certificate(longer).as_in_rfc_9440}
        peer = Peer("127.0.0.1", is_proxied=True)
        assert admission(AGENTS["named"], peer, shown) is Admission.FORBIDDEN


def test_a_second_certificate_may_be_pinned_while_one_replaces_the_other() -> None:
    both = agent("osmp", settings={"client_certificate": f"{OURS.fingerprint} {OTHER.fingerprint}"})
    peer = Peer("127.0.0.1", is_proxied=True)
    for shown in (OURS, OTHER):
        heads = {"client-cert": shown.as_in_rfc_9440}
        assert admission(both, peer, heads) is Admission.ADMITTED


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (basic("bank:correct horse"), Admission.ADMITTED),
        (basic("bank:battery: staple"), Admission.ADMITTED),
        (basic("bank:correct horsf"), Admission.UNAUTHORISED),
        (basic("Bank:correct horse"), Admission.UNAUTHORISED),
        (basic("bank:"), Admission.UNAUTHORISED),
        (basic(":"), Admission.UNAUTHORISED),
        (basic("bank:correct horse").replace("Basic", "Bearer"), Admission.UNAUTHORISED),
        ("Basic \ud800", Admission.UNAUTHORISED),
        ("", Admission.UNAUTHORISED),
    ],
)
def test_either_of_two_logins_is_let_in(given: str, said: Admission) -> None:
    assert admission(AGENTS["login"], Peer("127.0.0.1"), {"authorization": given}) is said


def test_an_agent_without_a_password_lets_nobody_in() -> None:
    for secrets in ((), ({},), ({BASIC_LOGIN: "bank", BASIC_PASSWORD: ""},)):
        empty = agent("osmp", settings={"basic": "on"}, secrets=secrets)
        for given in ("", basic("bank:"), basic(":"), basic("")):
            said = admission(empty, Peer("127.0.0.1"), {"authorization": given})
            assert said is Admission.UNAUTHORISED
        assert basic_faults(empty)


@pytest.mark.parametrize(
    ("value", "is_good"),
    [
        ("", True),
        pytest.param(OURS.fingerprint, True, id="a fingerprint"),
        pytest.param(f"{OURS.fingerprint} {OTHER.fingerprint}", True, id="two of them"),
        (f"subject:{SUBJECT}", True),
        ("subject:CN=a,INN=770700000001,OGRN=1027700000001", True),
        ("subject:", False),
        ("subject:pay.bank.example", False),
        pytest.param(OURS.fingerprint.upper(), False, id="capitals"),
        pytest.param(OURS.fingerprint[:-1], False, id="one digit less"),
        ("sha1:aa", False),
    ],
)
def test_what_names_no_certificate_is_a_fault(value: str, is_good: bool) -> None:
    made = agent("osmp", settings={"client_certificate": value})
    found = (*filter(None, [CLIENT_CERTIFICATE.fault(value)]), *certificate_faults(made))
    assert (found == ()) is is_good


# --- both lanes -------------------------------------------------------------------------------


def request(name: str, heads: Mapping[str, str]) -> bytes:
    lines = "".join(f"{key}: {value}\r\n" for key, value in heads.items()).encode()
    path = check(agent_name=name) if name != "sber" else _sber()
    return path.replace(b"Accept: */*\r\n", lines)


def _sber() -> bytes:
    return check(agent_name="sber").replace(
        b"command=check&txn_id=90000000000001&account=1004217&sum=10.45",
        b"ACTION=check&ACCOUNT=1004217",
    )


async def _said(is_fast: bool, address: str, requests: Sequence[bytes]) -> tuple[list[bytes], int]:
    """The answers, and how many pieces the fast lane left to the slow one."""
    async with opened(is_fast=is_fast, agents=AGENTS, proxies=PROXIES) as door:
        line = door.connect(address)
        await asyncio.sleep(0)
        answers, before = [], 0
        for each in requests:
            line.feed(each)
            await line.settle()
            answers.append(bytes(line.sent[before:]))
            before = len(line.sent)
        return answers, len(getattr(line.protocol, "pieces", ()))


def statuses(address: str, *requests: bytes) -> list[int]:
    """What both lanes say, which is the same."""
    fast, _ = asyncio.run(_said(True, address, requests))
    slow, _ = asyncio.run(_said(False, address, requests))
    assert [_without_date(each) for each in fast] == [_without_date(each) for each in slow]
    return [int(each.split(b" ", 2)[1]) for each in fast]


def _without_date(answer: bytes) -> bytes:
    return b"\r\n".join(each for each in answer.split(b"\r\n") if not each.startswith(b"Date:"))


LET_IN: dict[str, dict[str, str]] = {
    "osmp": {},
    "login": {"Authorization": basic("bank:correct horse")},
    "pinned": {"Client-Cert": OURS.as_nginx_has_it},
    "named": {"Client-Cert": OURS.as_in_rfc_9440},
    "far": {},
    "sber": {},
}


@pytest.mark.parametrize("name", AGENTS)
def test_behind_a_proxy_everybody_is_who_the_proxy_says(name: str) -> None:
    home = "203.0.113.7" if name == "far" else "127.0.0.1"
    said = statuses(
        PROXY,
        request(name, LET_IN[name] | {"X-Forwarded-For": home}),
        request(name, LET_IN[name] | {"X-Forwarded-For": f"{home}, 198.51.100.9"}),
        request(name, LET_IN[name] | {"X-Forwarded-For": home}),
        request(name, LET_IN[name]),
    )
    assert said == [200, 403, 200, 403]


@pytest.mark.parametrize("name", ["pinned", "named", "far"])
def test_who_is_no_proxy_cannot_speak_for_anybody(name: str) -> None:
    heads = LET_IN[name] | {"X-Forwarded-For": "203.0.113.7"}
    assert statuses("127.0.0.1", request(name, heads)) == [403]


def test_a_wrong_login_is_refused_on_a_connection_that_was_let_in() -> None:
    right = request("login", LET_IN["login"])
    said = statuses(
        "127.0.0.1",
        right,
        request("login", {"Authorization": basic("bank:wrong")}),
        request("login", {}),
        right,
        request("osmp", {}),
        request("login", {}),
        request("osmp", LET_IN["login"]),
        right,
    )
    assert said == [200, 401, 401, 200, 200, 401, 200, 200]


def test_headers_that_let_one_agent_in_say_nothing_about_another() -> None:
    near, far = {"X-Forwarded-For": "127.0.0.1"}, {"X-Forwarded-For": "203.0.113.7"}
    said = statuses(
        PROXY,
        *(request(name, heads) for heads in (near, far) for name in ("osmp", "far", "sber")),
    )
    assert said == [200, 403, 200, 403, 200, 403]


@pytest.mark.parametrize("name", ["Authorization", "Client-Cert"])
def test_two_of_what_says_who_somebody_is_are_as_good_as_none(name: str) -> None:
    agent_name = "login" if name == "Authorization" else "pinned"
    heads = LET_IN[agent_name] | {"X-Forwarded-For": "127.0.0.1"}
    twice = request(agent_name, {name: "x", **heads}).replace(
        b"\r\n\r\n", f"\r\n{name.lower()}: {LET_IN[agent_name][name]}\r\n\r\n".encode()
    )
    assert statuses(PROXY, twice) == [401 if agent_name == "login" else 403]


def test_nobody_learns_what_was_wrong_with_a_login() -> None:
    async def said() -> list[bytes]:
        wrong = ("bank:wrong", "nobody:correct horse", "bank:", "")
        heads = [{"Authorization": basic(each)} for each in wrong]
        answers, _ = await _said(True, "127.0.0.1", [request("login", each) for each in heads])
        return [_without_date(each) for each in answers]

    answers = asyncio.run(said())
    assert len(set(answers)) == 1
    assert b"WWW-Authenticate: Basic realm=" in answers[0]


@pytest.mark.parametrize("name", AGENTS)
def test_who_is_let_in_stays_on_the_fast_lane(name: str) -> None:
    home = {"X-Forwarded-For": "203.0.113.7" if name == "far" else "127.0.0.1"}
    one = request(name, LET_IN[name] | home)
    assert asyncio.run(_said(True, PROXY, [one, one, one]))[1] == 0
    assert asyncio.run(_said(True, PROXY, [one, request(name, {"X-Unknown": "1"})]))[1] == 1


def test_secrets_that_are_replaced_hold_at_once() -> None:
    async def said() -> list[Exchange]:
        agents = dict(AGENTS)
        async with opened(is_fast=True, agents=agents) as door:
            first = await door.exchange([request("login", LET_IN["login"])] * 2)
            changed: Agent = agent(
                "osmp", name="login", settings={"basic": "on"}, secrets=(OLD_LOGIN,)
            )
            door.book.agents = {**agents, "login": changed}
            await asyncio.sleep(0.005)
            return [first, await door.exchange([request("login", LET_IN["login"])])]

    before, after = asyncio.run(said())
    assert before.sent.count(b"200 OK") == 2
    assert b"401" in after.sent


def test_the_allow_list_holds_whatever_else_is_shown() -> None:
    assert AGENTS["login"].allow_list == LOOPBACK
    assert statuses("10.9.9.9", request("login", LET_IN["login"])) == [403]
