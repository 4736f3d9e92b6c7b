"""A replication connection to PostgreSQL: address, TLS, start-up, password.

asyncpg has no replication mode, so this much of the protocol is spoken here
(https://www.postgresql.org/docs/current/protocol-flow.html).
"""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from dataclasses import dataclass, field
from struct import Struct
from urllib.parse import parse_qsl, unquote, urlsplit

from server.lookup.scram import MECHANISM, Scram, ScramError

_PROTOCOL_3_0 = 196608
_SSL_REQUEST = 80877103
_CONNECT_SECONDS = 10.0
_READ_BYTES = 1 << 20
_HEAD = Struct(">cI")
_INT = Struct(">I")
_TLS_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


class FeedError(ConnectionError):
    """PostgreSQL refuses, or speaks otherwise than expected; `sqlstate` where it gave one."""

    def __init__(self, message: str, sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


@dataclass(frozen=True, slots=True)
class Address:
    """What a DSN says."""

    host: str
    port: int
    user: str
    database: str
    password: str = field(default="", repr=False)
    tls_mode: str = "prefer"
    tls_root: str = ""
    tls_certificate: str = ""
    tls_key: str = ""

    @classmethod
    def from_dsn(cls, dsn: str) -> Address:
        """postgresql://…, with host, port and ssl… also as parameters. Raises ValueError."""
        parts = urlsplit(dsn)
        if parts.scheme not in ("postgresql", "postgres"):
            raise ValueError("a DSN begins with postgresql://")
        options = dict(parse_qsl(parts.query))
        user = unquote(parts.username or "") or options.get("user", "")
        if not user:
            raise ValueError("the DSN names no user")
        mode = options.get("sslmode", "prefer")
        if mode not in _TLS_MODES:
            raise ValueError(f"sslmode {mode}")
        if options.get("channel_binding") == "require":
            raise ValueError("channel_binding=require is not supported")
        return cls(
            host=options.get("host") or unquote(parts.hostname or "localhost"),
            port=int(options.get("port") or parts.port or 5432),
            user=user,
            database=unquote(parts.path.lstrip("/")) or options.get("dbname", user),
            password=unquote(parts.password or "") or options.get("password", ""),
            tls_mode=mode,
            tls_root=options.get("sslrootcert", ""),
            tls_certificate=options.get("sslcert", ""),
            tls_key=options.get("sslkey", ""),
        )

    def tls_context(self) -> ssl.SSLContext:
        """As libpq reads the modes: `require` believes any certificate, unless a root is given."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = self.tls_mode == "verify-full"
        if self.tls_mode.startswith("verify") or self.tls_root:
            context.verify_mode = ssl.CERT_REQUIRED
            if self.tls_root:
                context.load_verify_locations(self.tls_root)
            else:
                context.load_default_certs()
        else:
            context.verify_mode = ssl.CERT_NONE
        if self.tls_certificate:
            context.load_cert_chain(self.tls_certificate, self.tls_key or None)
        return context


@dataclass(frozen=True, slots=True)
class Wire:
    """The two ends of a connection that is logged in."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def message(self) -> tuple[bytes, bytes]:
        """The next message: type and body. An error message is raised as FeedError."""
        kind, length = _HEAD.unpack(await self.reader.readexactly(5))
        body = await self.reader.readexactly(length - 4)
        if kind == b"E":
            raise server_error(body)
        return kind, body

    def send(self, kind: bytes, body: bytes) -> None:
        """Queue one message."""
        self.writer.write(_HEAD.pack(kind, len(body) + 4) + body)


def server_error(body: bytes) -> FeedError:
    """An ErrorResponse as an exception."""
    fields = {part[:1]: part[1:].decode("utf-8", "replace") for part in body.split(b"\0") if part}
    detail = f" ({fields[b'D']})" if b"D" in fields else ""
    return FeedError(fields.get(b"M", "error") + detail, fields.get(b"C", ""))


async def log_in(address: Address) -> Wire:
    """Open a replication connection. Raises OSError (FeedError among them)."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            wire = await _connect(address)
            try:
                await _start_up(wire, address)
            except BaseException:
                wire.writer.transport.abort()
                raise
            return wire
    except (asyncio.IncompleteReadError, TimeoutError) as error:
        raise FeedError("PostgreSQL closed the connection or did not answer") from error


async def _connect(address: Address) -> Wire:
    if address.host.startswith("/"):
        path = os.path.join(address.host, f".s.PGSQL.{address.port}")
        return Wire(*await asyncio.open_unix_connection(path, limit=_READ_BYTES))
    wire = Wire(*await asyncio.open_connection(address.host, address.port, limit=_READ_BYTES))
    if address.tls_mode == "disable":
        return wire
    wire.writer.write(_INT.pack(8) + _INT.pack(_SSL_REQUEST))
    answer = await wire.reader.read(64)
    if answer == b"S":  # and nothing behind it: that would have been sent by somebody else
        name = address.host if address.tls_mode == "verify-full" else None
        await wire.writer.start_tls(address.tls_context(), server_hostname=name or address.host)
    elif answer != b"N" or address.tls_mode not in ("allow", "prefer"):
        wire.writer.transport.abort()
        if answer == b"N":
            raise FeedError(f"sslmode is {address.tls_mode}, but the server has no TLS")
        raise FeedError("unexpected answer to a request for TLS")
    return wire


async def _start_up(wire: Wire, address: Address) -> None:
    parameters = {
        "user": address.user,
        "database": address.database,
        "replication": "database",
        "client_encoding": "UTF8",
        "application_name": "kvitok sync",
        "options": "-c wal_sender_timeout=5s",
    }
    pairs = b"".join(f"{name}\0{value}\0".encode() for name, value in parameters.items())
    body = _INT.pack(_PROTOCOL_3_0) + pairs + b"\0"
    wire.writer.write(_INT.pack(len(body) + 4) + body)
    await _authenticate(wire, address)
    while True:
        kind, _ = await wire.message()
        if kind == b"Z":
            return


async def _authenticate(wire: Wire, address: Address) -> None:
    kind, body = await wire.message()
    if kind != b"R":
        raise FeedError(f"unexpected message {kind!r} instead of a request for a password")
    (method,) = _INT.unpack_from(body)
    if method == 0:
        return
    if method != 10:
        names = {3: "a password in clear", 5: "an md5 password"}
        asked = names.get(method, f"authentication method {method}")
        raise FeedError(f"the server asks for {asked}; only {MECHANISM} is supported")
    if MECHANISM.encode() not in body[4:].split(b"\0"):
        raise FeedError(f"the server does not offer {MECHANISM}")
    if not address.password:
        raise FeedError("the server asks for a password and the DSN has none")
    await _scram(wire, Scram(address.password, secrets.token_urlsafe(24)))


async def _scram(wire: Wire, scram: Scram) -> None:
    first = scram.first
    wire.send(b"p", MECHANISM.encode() + b"\0" + _INT.pack(len(first)) + first)
    try:
        wire.send(b"p", scram.final(await _continuation(wire, 11)))
        scram.check(await _continuation(wire, 12))
    except ScramError as error:
        raise FeedError(f"log-in failed: {error}") from error
    kind, body = await wire.message()
    if kind != b"R" or _INT.unpack_from(body) != (0,):
        raise FeedError("log-in failed")


async def _continuation(wire: Wire, method: int) -> bytes:
    kind, body = await wire.message()
    if kind != b"R" or _INT.unpack_from(body) != (method,):
        raise FeedError("log-in failed: unexpected message")
    return body[4:]
