"""What agents' networks ask in their protocols, and what they understand of the answers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlencode

from tests.faults.wire import Reply, get, post

_ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:u="http://uws.provider.com/"><soapenv:Header/><soapenv:Body>'
    "<u:{name}Arguments><password>paynet-demo</password><username>paynet</username>"
    "{content}</u:{name}Arguments></soapenv:Body></soapenv:Envelope>"
)
_ACCOUNT = "<parameters><paramKey>clientid</paramKey><paramValue>{}</paramValue></parameters>"
_TIME = "<transactionTime>2026-11-24T10:10:10+05:00</transactionTime>"


class Said(Enum):
    """What an answer means to who asked."""

    DONE = "done"
    """Credited, cancelled or found: as was asked."""
    CANCELLED = "cancelled"
    """It was credited and cancelled since."""
    REFUSED = "refused"
    """Final: the network gives the money back and never asks again."""
    LATER = "later"
    """To be repeated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, understood."""

    said: Said
    code: str
    body: bytes
    record: str = ""
    """What it shows of the recorded payment: our number, and where shown, sum and time."""
    debt: int | None = None
    """Kopecks, where one is shown."""


@dataclass(frozen=True, slots=True)
class Network:
    """A protocol, from the agent's side."""

    agent: str
    check: Callable[[str], bytes]
    """Account → request."""
    pay: Callable[[str, str, str], bytes]
    """Id, account, sum in roubles as the payer typed it → request."""
    read: Callable[[Reply], Answer]
    cancel: Callable[[str], bytes] | None = None


def roubles(kopecks: int) -> str:
    """As people write it."""
    return f"{kopecks // 100}.{kopecks % 100:02d}"


def _found(pattern: str, body: bytes) -> str:
    found = re.search(pattern, body.decode("utf-8", "replace"))
    return found[1] if found else ""


def _kopecks(shown: str) -> int | None:
    return int(shown.replace(".", "")) if shown else None


def _later(reply: Reply) -> Answer:
    return Answer(Said.LATER, f"HTTP {reply.status}", reply.body)


def _osmp_check(account: str) -> bytes:
    query = {"command": "check", "txn_id": "1", "account": account, "sum": "0.00"}
    return get("/pay/osmp?" + urlencode(query))


def _osmp_pay(key: str, account: str, amount: str) -> bytes:
    query = {"command": "pay", "txn_id": key, "txn_date": "20261124101010"}
    return get("/pay/osmp?" + urlencode({**query, "account": account, "sum": amount}))


def _osmp_read(reply: Reply) -> Answer:
    code = _found(r"<result>(\d+)</result>", reply.body)
    if reply.status != 200 or not code or code in ("1", "90"):
        return _later(reply)
    said = Said.DONE if code == "0" else Said.REFUSED
    record = _found(r"(<prv_txn>.*</sum>)", reply.body)
    debt = _kopecks(_found(r"<field2 [^>]*>(-?[\d.]+)</field2>", reply.body))
    if code == "300" and "отменён" in reply.body.decode():
        said = Said.CANCELLED
    return Answer(said, code, reply.body, record, debt)


def _sber_check(account: str) -> bytes:
    return get("/pay/sber?" + urlencode({"ACTION": "check", "ACCOUNT": account}))


def _sber_pay(key: str, account: str, amount: str) -> bytes:
    query = {"ACTION": "payment", "ACCOUNT": account, "AMOUNT": amount, "PAY_ID": key}
    return get("/pay/sber?" + urlencode({**query, "PAY_DATE": "24.11.2026_10:10:10"}))


def _sber_read(reply: Reply) -> Answer:
    code = _found(r"<CODE>(\d+)</CODE>", reply.body)
    if reply.status != 200 or not code or code == "1":
        return _later(reply)
    said = Said.DONE if code in ("0", "8") else Said.REFUSED
    record = _found(r"(<EXT_ID>.*</REG_DATE>)", reply.body)
    balance = _kopecks(_found(r"<BALANCE>(-?[\d.]+)</BALANCE>", reply.body))
    return Answer(said, code, reply.body, record, None if balance is None else -balance)


def _soap(name: str, content: str) -> bytes:
    body = _ENVELOPE.format(name=name, content=content).encode()
    return post("/pay/paynet", "text/xml; charset=utf-8", body, 'SOAPAction: ""')


def _paynet_check(account: str) -> bytes:
    return _soap("GetInformation", _ACCOUNT.format(account) + "<serviceId>1</serviceId>")


def _paynet_pay(key: str, account: str, amount: str) -> bytes:
    tiyin = amount.replace(".", "").lstrip("0")
    service = f"<serviceId>1</serviceId><transactionId>{key}</transactionId>{_TIME}"
    return _soap(
        "PerformTransaction", f"<amount>{tiyin}</amount>{_ACCOUNT.format(account)}{service}"
    )


def _paynet_cancel(key: str) -> bytes:
    service = f"<serviceId>1</serviceId><transactionId>{key}</transactionId>{_TIME}"
    return _soap("CancelTransaction", service)


def _paynet_read(reply: Reply) -> Answer:
    code = _found(r"<status>(\d+)</status>", reply.body)
    if reply.status != 200 or not code or code in ("100", "101", "102"):
        return _later(reply)
    said = {"0": Said.DONE, "201": Said.DONE, "202": Said.CANCELLED}.get(code, Said.REFUSED)
    record = _found(r"(<timeStamp>.*</providerTrnId>)", reply.body)
    debt = _found(r"<paramKey>balance</paramKey><paramValue>(-?\d+)</paramValue>", reply.body)
    return Answer(said, code, reply.body, record, int(debt) if debt else None)


OSMP = Network("osmp", _osmp_check, _osmp_pay, _osmp_read)
SBER = Network("sber", _sber_check, _sber_pay, _sber_read)
PAYNET = Network("paynet", _paynet_check, _paynet_pay, _paynet_read, _paynet_cancel)
NETWORKS = (OSMP, SBER, PAYNET)
