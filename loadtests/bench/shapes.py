"""Requests as bytes with two gaps: the agent's number and the account.

No agent's traffic was recorded: the heads are composed from what the clients named here send by
default, as their documentation and sources say.
"""

from __future__ import annotations

from dataclasses import dataclass

from loadtests.bench.keys import account_number

TXN, KEY = b"{txn}", b"{key}"
TXN_FIRST = 90_000_000_000_000
"""Agent's numbers count up from here, so they are all equally long."""
_SOAP_BODY = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:u="http://uws.provider.com/"><soapenv:Header/><soapenv:Body>'
    "<u:GetInformationArguments><password>paynet-demo</password><username>paynet</username>"
    "<parameters><paramKey>clientid</paramKey><paramValue>{key}</paramValue></parameters>"
    "<serviceId>1</serviceId></u:GetInformationArguments></soapenv:Body></soapenv:Envelope>"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a client writes its head; the names are those of the report."""

    name: str
    headers: tuple[tuple[str, str], ...]


HOST = ("Host", "pay.example.org")
BARE = Shape("Host alone (1 header)", (HOST,))
JAVA = Shape(
    "Apache HttpClient 4.5, Java (5 headers)",
    (
        ("Accept", "text/xml, application/xml"),
        HOST,
        ("Connection", "Keep-Alive"),
        ("User-Agent", "Apache-HttpClient/4.5.14 (Java/1.8.0_402)"),
        ("Accept-Encoding", "gzip,deflate"),
    ),
)
GO = Shape(
    "Go net/http (5 headers)",
    (
        HOST,
        ("User-Agent", "Go-http-client/1.1"),
        ("Accept", "*/*"),
        ("X-Request-Id", "5f2f9f3e4a7d4a0c9b1e8d7c6b5a4930"),
        ("Accept-Encoding", "gzip"),
    ),
)
DOTNET = Shape(
    ".NET HttpClient (6 headers)",
    (
        HOST,
        ("User-Agent", "TerminalGate/3.11"),
        ("Accept", "text/xml, application/xml"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Accept-Charset", "utf-8"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ),
)
PROXIED = Shape(
    "PHP curl behind the agent's nginx (8 headers)",
    (
        ("X-Real-IP", "10.20.30.40"),
        ("X-Forwarded-For", "10.20.30.40, 10.20.1.1"),
        ("X-Forwarded-Proto", "https"),
        HOST,
        ("User-Agent", "curl/7.88.1"),
        ("Accept", "*/*"),
        ("Accept-Encoding", "gzip, deflate"),
        ("Cache-Control", "no-cache"),
    ),
)
USUAL = JAVA
OTHERS = (BARE, GO, DOTNET, PROXIED)


def check(path: str, shape: Shape = USUAL) -> bytes:
    """An OSMP check at `path`."""
    target = f"{path}?command=check&txn_id={{txn}}&account={{key}}&sum=10.45"
    return _head("GET", target, shape.headers)


def soap_check(path: str) -> bytes:
    """A Paynet GetInformation at `path`, as Java's SOAP client sends it (8 headers)."""
    length = len(_SOAP_BODY) - len(KEY) + len(account_number(0))
    headers = (
        ("Accept", "text/xml, multipart/related"),
        ("Content-Type", "text/xml; charset=utf-8"),
        ("SOAPAction", '"urn:GetInformation"'),
        ("User-Agent", "JAX-WS RI 2.3.1"),
        HOST,
        ("Connection", "keep-alive"),
        ("Accept-Encoding", "gzip"),
        ("Content-Length", str(length)),
    )
    return _head("POST", path, headers) + _SOAP_BODY.encode()


def plain(path: str, shape: Shape = USUAL) -> bytes:
    """The same head without any parameter, for a file."""
    return _head("GET", path, shape.headers)


def filled(template: bytes, turn: int, account: str) -> bytes:
    """One request."""
    return template.replace(TXN, b"%d" % (TXN_FIRST + turn)).replace(KEY, account.encode())


def _head(method: str, target: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join((*lines, "", "")).encode()
