"""What three networks send, and how they read the answers; no I/O, no locust.

The forms are those of tests/vectors/protocols; a test holds them to the codecs.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode
from xml.sax.saxutils import escape

MOSCOW, TASHKENT = dt.timezone(dt.timedelta(hours=3)), dt.timezone(dt.timedelta(hours=5))
_SOAP_HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
_ENVELOPE = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:u="http://uws.provider.com/"><soapenv:Header/><soapenv:Body>'
    "<u:{0}><password>paynet-demo</password><username>paynet</username>{1}</u:{0}>"
    "</soapenv:Body></soapenv:Envelope>"
)
_PARAMETER = "<parameters><paramKey>{}</paramKey><paramValue>{}</paramValue></parameters>"
_LAST_READING = re.compile(
    r"<paramKey>last_meter_([^<]+)</paramKey><paramValue>([0-9]+)(?:\.[0-9]+)?</paramValue>"
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One HTTP request."""

    path: str
    query: str = ""
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"


@dataclass(frozen=True, slots=True)
class Payment:
    """What a payer pays; the number is the network's."""

    number: int
    account: str
    kopecks: int
    at: dt.datetime
    readings: Mapping[str, str] = field(default_factory=dict)

    @property
    def roubles(self) -> str:
        return f"{self.kopecks // 100}.{self.kopecks % 100:02}"


@dataclass(frozen=True, slots=True)
class Network:
    """How one of them checks, pays, and tells from an answer that all is well."""

    name: str
    check: Callable[[int, str], Ask]
    pay: Callable[[Payment], Ask]
    checked: re.Pattern[str]
    """In the answer to a check of an account that exists; group 1 is the debt."""
    paid: re.Pattern[str]
    """In the answer to a payment, also to its repeat; the groups are the same in both."""
    owed_is_negative: bool = False

    def debt(self, answer: str) -> int | None:
        """Kopecks owed, negative when paid ahead; None when the answer is no such thing."""
        found = self.checked.search(answer)
        if found is None:
            return None
        # Roubles with two decimals or whole kopecks: without the point both are kopecks.
        kopecks = int(found[1].replace(".", ""))
        return -kopecks if self.owed_is_negative else kopecks


def last_readings(answer: str) -> dict[str, int]:
    """By meter, in whole units, as a Paynet answer shows them."""
    return {meter: int(value) for meter, value in _LAST_READING.findall(answer)}


def _osmp_check(number: int, account: str) -> Ask:
    asked = {"command": "check", "txn_id": str(number), "account": account, "sum": "1.00"}
    return Ask("/pay/osmp", urlencode(asked))


def _osmp_pay(payment: Payment) -> Ask:
    asked = {
        "command": "pay",
        "txn_id": str(payment.number),
        "txn_date": f"{payment.at.astimezone(MOSCOW):%Y%m%d%H%M%S}",
        "account": payment.account,
        "sum": payment.roubles,
    }
    return Ask("/pay/osmp", urlencode(asked))


def _sber_check(_number: int, account: str) -> Ask:
    return Ask("/pay/sber", urlencode({"ACTION": "check", "ACCOUNT": account}))


def _sber_pay(payment: Payment) -> Ask:
    asked = {
        "ACTION": "payment",
        "ACCOUNT": payment.account,
        "AMOUNT": payment.roubles,
        "PAY_ID": str(payment.number),
        "PAY_DATE": f"{payment.at.astimezone(MOSCOW):%d.%m.%Y_%H:%M:%S}",
    }
    return Ask("/pay/sber", urlencode(asked))


def _paynet_check(_number: int, account: str) -> Ask:
    said = _PARAMETER.format("clientid", escape(account)) + "<serviceId>1</serviceId>"
    return _soap("GetInformationArguments", said)


def _paynet_pay(payment: Payment) -> Ask:
    meters = {f"meter_{meter}": value for meter, value in payment.readings.items()}
    parameters = {"clientid": payment.account, **meters}
    said = f"<amount>{payment.kopecks}</amount>"
    said += "".join(_PARAMETER.format(escape(k), escape(v)) for k, v in parameters.items())
    said += f"<serviceId>1</serviceId><transactionId>{payment.number}</transactionId>"
    at = payment.at.astimezone(TASHKENT).isoformat(timespec="seconds")
    said += f"<transactionTime>{at}</transactionTime>"
    return _soap("PerformTransactionArguments", said)


def _soap(operation: str, said: str) -> Ask:
    return Ask(
        "/pay/paynet", body=_ENVELOPE.format(operation, said).encode(), headers=_SOAP_HEADERS
    )


OSMP = Network(
    name="osmp",
    check=_osmp_check,
    pay=_osmp_pay,
    checked=re.compile(r"<result>0</result>.*Долг, руб\.\" type=\"disp\">(-?[0-9]+\.[0-9]{2})<"),
    paid=re.compile(r"<prv_txn>([0-9]+)</prv_txn><sum>([0-9.]+)</sum><result>0</result>"),
)
SBER = Network(
    name="sber",
    check=_sber_check,
    pay=_sber_pay,
    checked=re.compile(r"<CODE>0</CODE>.*<BALANCE>(-?[0-9]+\.[0-9]{2})</BALANCE>"),
    owed_is_negative=True,
    paid=re.compile(r"<CODE>[08]</CODE>.*<EXT_ID>([0-9]+)</EXT_ID>"),
)
PAYNET = Network(
    name="paynet",
    check=_paynet_check,
    pay=_paynet_pay,
    checked=re.compile(
        r"<status>0</status>.*<paramKey>balance</paramKey><paramValue>(-?[0-9]+)</paramValue>"
    ),
    paid=re.compile(r"<status>(?:0|201)</status>.*<providerTrnId>([1-9][0-9]*)</providerTrnId>"),
)
NETWORKS = (OSMP, SBER, PAYNET)
