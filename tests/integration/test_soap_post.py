"""SOAP clients that are made from the post office's served WSDL, a whole day each."""

from __future__ import annotations

import datetime as dt
import http.client
import itertools
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest

from server.protocols import soap, ws_security
from server.protocols.post.request import NAMESPACE
from tests.clients.soap_clients import CLIENTS, Client, Endpoint, Fault
from tests.integration import books
from tests.integration.demo import Demo

MOSCOW = ZoneInfo("Europe/Moscow")
TODAY = dt.datetime.now(MOSCOW).date()
OFFICE = "602267"
_ids = itertools.count(1)


@dataclass(frozen=True)
class Counter:
    """One of the clients, with an account and a business day that no other test touches."""

    name: str
    version: str
    agent: str
    account: str
    day: dt.date


def _counters() -> Iterator[Any]:
    made = itertools.product(("zeep", "php", "node"), ("1.1", "1.2"), ("post",))
    for number, (name, version, agent) in enumerate((*made, ("node", "1.1", "post-signed"))):
        day = TODAY - dt.timedelta(days=10 + number)
        marks = [getattr(pytest.mark, name)] if name != "zeep" else []
        counter = Counter(name, version, agent, str(1000060 + number), day)
        yield pytest.param(counter, marks=marks, id=f"{name}-{version}-{agent}")


every_counter = pytest.mark.parametrize("counter", list(_counters()))


class Clerk:
    """What is asked at a counter, as the client says it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def ask(self, operation: str, **arguments: Any) -> tuple[str, Any]:
        """The code, and the whole answer."""
        said = self._client.call(operation, **arguments)
        assert not isinstance(said, Fault), said
        return said["result"]["code"], said

    def debt(self, account: str) -> int:
        code, said = self.ask("GetDebt", account=account)
        assert code == "OK"
        debt = said["debt"]
        owed = int(debt["debtKopecks"])
        services = listed(debt, "service")
        assert sum(int(each["debtKopecks"]) for each in services) == owed
        for each in services:
            periods = sum(int(period["debtKopecks"]) for period in listed(each, "period"))
            assert periods - int(each.get("prepaidKopecks") or 0) == int(each["debtKopecks"])
        return owed


def listed(parent: Any, name: str) -> list[Any]:
    """Elements that may be many; node's client makes no list of one, PHP's none of none."""
    found = parent.get(name) or []
    return found if isinstance(found, list) else [found]


def payment(number: str, account: str, kopecks: int, **more: Any) -> dict[str, Any]:
    now = dt.datetime.now(MOSCOW).replace(microsecond=0).isoformat()
    place = {"office": OFFICE, "cashDesk": "2", "operator": "0031"}
    head = {"paymentId": number, "account": account, "amountKopecks": kopecks, "paidAt": now}
    return head | {"place": place} | more


def taken_before(number: str, account: str, kopecks: int, day: dt.date) -> dict[str, Any]:
    """A payment of a batch."""
    noon = dt.datetime.combine(day, dt.time(12), MOSCOW).isoformat()
    return {"paymentId": number, "account": account, "amountKopecks": kopecks, "paidAt": noon}


def _certified(keys: Path, directory: Path) -> tuple[Path, Path, Path]:
    """The client wants a certificate of its key, though nobody looks at it."""
    certificate = directory / "agent.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-new", "-key", keys / "agent.key", "-subj", "/CN=post",
         "-out", certificate],
        check=True,
        capture_output=True,
    )  # fmt: skip
    return keys / "agent.key", certificate, keys / "server.pub"


@pytest.fixture
def clerk(demo: Demo, counter: Counter, tmp_path: Path) -> Iterator[Clerk]:
    keys: tuple[Path, ...] = ()
    if counter.agent == "post-signed":
        keys = _certified(demo.directory / "demo-keys" / counter.agent, tmp_path)
    wsdl = f"{demo.url}/pay/{counter.agent}?wsdl"
    client = CLIENTS[counter.name](Endpoint(wsdl, "post", "post-demo", keys), counter.version)
    yield Clerk(client)
    client.close()


@every_counter
def test_a_day_at_the_counter(demo: Demo, clerk: Clerk, counter: Counter) -> None:
    account = counter.account
    require_found(clerk, account)
    debt = clerk.debt(account)
    assert debt == books.debt(demo, account)

    number = f"{counter.name}{counter.version}-{next(_ids)}"
    parts = [{"service": "maintenance", "amountKopecks": 100}]
    pay = payment(number, account, 12_345, part=parts)
    code, first = clerk.ask("AcceptPayment", **pay)
    assert (code, first["payment"]["state"]) == ("OK", "credited")
    assert (first["payment"]["office"], first["payment"]["operator"]) == (OFFICE, "0031")
    assert clerk.ask("AcceptPayment", **pay) == ("OK", first)
    assert clerk.debt(account) == debt - 12_345
    for other in ({"amountKopecks": 12_346}, {"account": "1000031"}):
        code, said = clerk.ask("AcceptPayment", **pay | other)
        assert code == "PAYMENT_CONFLICT"
        assert said["payment"]["paymentNumber"] == first["payment"]["paymentNumber"]

    ours = int(first["payment"]["paymentNumber"])
    assert clerk.ask("GetPaymentStatus", paymentId=number) == ("OK", first)
    assert clerk.ask("GetPaymentStatus", paymentNumber=ours) == ("OK", first)
    code, cancelled = clerk.ask("CancelPayment", paymentId=number, reason="ошибка")
    assert (code, cancelled["payment"]["state"]) == ("OK", "cancelled")
    assert clerk.ask("CancelPayment", paymentId=number, reason="ошибка") == ("OK", cancelled)
    assert clerk.ask("GetPaymentStatus", paymentId=number) == ("OK", cancelled)
    assert clerk.ask("AcceptPayment", **pay)[0] == "PAYMENT_CANCELLED"
    assert clerk.debt(account) == debt


def require_found(clerk: Clerk, account: str) -> None:
    bill = f"ST00012|Name=УК|PersonalAcc=40702810138250123017|PersAcc={account}|Sum=10001"
    for asked in ({"account": account}, {"qrText": bill}):
        code, said = clerk.ask("FindAccounts", **asked)
        assert (code, [each["account"] for each in listed(said, "found")]) == ("OK", [account])
    assert int(said["bill"]["amountKopecks"]) == 10_001
    assert clerk.ask("FindAccounts", account="5555555")[0] == "ACCOUNT_NOT_FOUND"
    code, said = clerk.ask("FindAccounts", address={"street": "Мира", "building": "3"})
    assert (code, [each["account"] for each in listed(said, "found")]) == ("OK", ["0000042"])


@every_counter
def test_a_village_hands_in_its_payments_and_closes_the_day(
    demo: Demo, clerk: Clerk, counter: Counter
) -> None:
    name, account, day = f"{counter.name}{counter.version}", counter.account, counter.day
    debt = clerk.debt(account)
    some = [
        taken_before(f"{name}-{next(_ids)}", account, 5_000, day),
        taken_before(f"{name}-{next(_ids)}", account, 1_001, day),
        taken_before(f"{name}-{next(_ids)}", "5555555", 700, day),
    ]
    batch: dict[str, Any] = {
        "batchId": f"{name}-{next(_ids)}",
        "place": {"office": OFFICE},
        "payment": some,
    }
    code, first = clerk.ask("AcceptBatch", **batch)
    assert code == "OK"
    codes = [each["code"] for each in listed(first, "item")]
    assert codes == ["OK", "OK", "ACCOUNT_NOT_FOUND"]
    assert clerk.debt(account) == debt - 6_001
    assert clerk.ask("AcceptBatch", **batch) == ("OK", first)
    assert clerk.ask("AcceptBatch", **batch | {"payment": some[:2]})[0] == "PAYMENT_CONFLICT"
    code, single = clerk.ask("AcceptPayment", **some[0] | {"place": {"office": OFFICE}})
    assert code == "OK"
    assert single["payment"]["paymentNumber"] == listed(first, "item")[0]["paymentNumber"]
    assert clerk.debt(account) == debt - 6_001

    require_closed(demo, clerk, day)


def require_closed(demo: Demo, clerk: Clerk, day: dt.date) -> None:
    def closing(count: int, kopecks: int) -> dict[str, Any]:
        office = {"index": OFFICE, "count": count, "totalKopecks": kopecks}
        return {"day": day.isoformat(), "office": [office]}

    code, said = clerk.ask("CloseDay", **closing(3, 6_701))
    assert code == "DAY_DIFFERS"
    (difference,) = listed(said, "difference")
    assert [int(difference[each]) for each in ("declaredCount", "count")] == [3, 2]
    code, closed = clerk.ask("CloseDay", **closing(2, 6_001))
    assert code == "OK"
    assert clerk.ask("CloseDay", **closing(2, 6_001)) == ("OK", closed)
    assert clerk.ask("CloseDay", **closing(2, 6_000))[0] == "DAY_CLOSED"

    code, shown = clerk.ask("GetDay", day=day.isoformat(), office=OFFICE)
    assert (code, shown["closedAt"]) == ("OK", closed["closedAt"])
    assert [int(each["amountKopecks"]) for each in listed(shown, "payment")] == [5_000, 1_001]
    registry = books.registry_of(demo, int(closed["registryNumber"]))
    assert (registry.lines, registry.matched, registry.open) == (2, 2, 0)
    assert registry.computed_total_kopecks == registry.buckets["already_online"] == 6_001


@every_counter
def test_a_wrong_password_is_a_fault_of_ws_security(demo: Demo, counter: Counter) -> None:
    wsdl = f"{demo.url}/pay/post?wsdl"
    client = CLIENTS[counter.name](Endpoint(wsdl, "post", "wrong"), counter.version)
    said = client.call("GetDebt", account=counter.account)
    client.close()
    assert isinstance(said, Fault)
    # PHP has no word for a subcode of SOAP 1.2.
    assert said.name in ("FailedAuthentication", "Sender")
    assert said.code == "NOT_AUTHENTIC"


# --- beyond what clients can be made to say ---------------------------------------------------


def send(demo: Demo, operation: str, said: str, nonce: bytes) -> tuple[int, str]:
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    call = soap.respond(
        soap.Version.SOAP_11, f'<{operation} xmlns="{NAMESPACE}">{said}</{operation}>'
    )
    token = ws_security.token_markup("post", "post-demo", nonce, now)
    connection = http.client.HTTPConnection(urlsplit(demo.url).netloc, timeout=60)
    connection.request("POST", "/pay/post", ws_security.secured(call.body, token))
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def test_a_token_is_taken_once(demo: Demo) -> None:
    nonce = next(_ids).to_bytes(16)
    asked = "<account>1000060</account>"
    status, text = send(demo, "GetDebt", asked, nonce)
    assert (status, "<code>OK</code>" in text) == (200, True)
    status, text = send(demo, "GetDebt", asked, nonce)
    assert (status, "<code>NOT_AUTHENTIC</code>" in text) == (500, True)
    assert send(demo, "GetDebt", asked, next(_ids).to_bytes(16))[0] == 200


def test_a_thousand_payments_come_at_once(demo: Demo) -> None:
    """More than any other request may be."""
    noon = dt.datetime.combine(TODAY - dt.timedelta(days=30), dt.time(12), MOSCOW).isoformat()
    payments = "".join(
        f"<payment><paymentId>village-{number}</paymentId>"
        f"<account>{1000070 + number % 50}</account>"
        f"<amountKopecks>{1_000 + number}</amountKopecks><paidAt>{noon}</paidAt>"
        f"<place><office>{OFFICE}</office><cashDesk>1</cashDesk><operator>0031</operator></place>"
        f"<part><service>maintenance</service><amountKopecks>1</amountKopecks></part></payment>"
        for number in range(1000)
    )
    batch = f"<batchId>village</batchId><place><office>{OFFICE}</office></place>{payments}"
    assert len(batch) > 256 * 1024
    first = send(demo, "AcceptBatch", batch, next(_ids).to_bytes(16))
    assert first[0] == 200
    assert first[1].count("<code>OK</code>") == 1001
    assert send(demo, "AcceptBatch", batch, next(_ids).to_bytes(16)) == first
    too_large = send(demo, "AcceptBatch", batch * 8, next(_ids).to_bytes(16))
    assert too_large[0] == 413
