"""The feed against real servers: log-in, TLS, big transactions, busy and lost slots."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest

from server.embedded import EmbeddedPostgres
from server.lookup.feed import Feed, SlotBusyError, SlotLostError
from server.lookup.lanes import PAID, WANTED
from server.lookup.login import Address, FeedError, log_in
from server.lookup.pgoutput import Decoder, Fields
from tests.lookup.world import FIRST, World
from tests.servers import FAST_SETTINGS, short_directory

SLOT = "kvitok_test"
SYSTEM_POSTGRES = Path("/usr/lib/postgresql/15/bin")


class Ear:
    """A sink that counts."""

    def __init__(self) -> None:
        self.rows = 0
        self.commits: list[int] = []
        self.last: dict[str, Fields] = {}
        self.alive_at = 0

    def changed(self, table: str, fields: Fields) -> None:
        self.rows += 1
        self.last[table] = fields

    def deleted(self, table: str, key: bytes) -> None:
        raise AssertionError("nothing is deleted here")

    def truncated(self) -> None:
        raise AssertionError("nothing is truncated here")

    def began(self, lsn: int) -> None:
        pass

    def committed(self, end_lsn: int, committed_at: int) -> None:
        self.commits.append(end_lsn)

    def kept_alive(self, lsn: int) -> None:
        self.alive_at = lsn


@asynccontextmanager
async def feeding(dsn: str) -> AsyncIterator[tuple[Feed, Ear]]:
    feed = await Feed.open(Address.from_dsn(dsn), SLOT)
    ear = Ear()
    try:
        yield feed, ear
    finally:
        await feed.close()


async def hear(feed: Feed, ear: Ear, commits: int) -> None:
    """Read until that many transactions have been told."""
    decoder = Decoder(WANTED, ear)
    async with asyncio.timeout(20):
        while len(ear.commits) < commits:
            for message in await feed.read():
                decoder.read(message)


async def hear_of(feed: Feed, ear: Ear, lsn: int) -> None:
    """Ask until everything before the position has been told."""
    decoder = Decoder(WANTED, ear)
    while ear.alive_at < lsn:
        feed.send_status()
        for message in await feed.read():
            decoder.read(message)


async def make_slot(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.execute("select pg_create_logical_replication_slot($1, 'pgoutput')", SLOT)


async def pay(world: World, account: int = FIRST) -> None:
    await world.connection.execute(
        "update ledger.account_paid set version = version + 1, advance = advance + 1"
        " where account = $1",
        str(account),
    )


async def test_changes_are_read_and_told_again_until_they_are_confirmed(world: World) -> None:
    await make_slot(world.connection)
    for _ in range(3):
        await pay(world)
    async with feeding(world.dsn) as (feed, ear):
        await hear(feed, ear, 3)
        assert ear.rows == 3
        assert ear.last[PAID][0] == b"1000001"
        assert ear.commits == sorted(ear.commits)
        feed.confirm(ear.commits[1])
    async with feeding(world.dsn) as (feed, again):
        await hear(feed, again, 1)
        assert again.commits == ear.commits[2:]


async def test_a_transaction_of_a_hundred_thousand_rows_is_read_whole(world: World) -> None:
    await make_slot(world.connection)
    async with world.connection.transaction():
        for _ in range(100):
            await world.connection.execute(
                "update ledger.account_paid set version = version + 1, advance = advance + 1"
            )
    async with feeding(world.dsn) as (feed, ear):
        await hear(feed, ear, 1)
    assert ear.rows == 100 * 1000


async def test_an_idle_server_says_how_far_it_is_when_asked(world: World) -> None:
    await make_slot(world.connection)
    async with feeding(world.dsn) as (feed, ear):
        # What concerns no lane comes as a keepalive only.
        await world.connection.execute("create table public.nothing (x int)")
        lsn = await world.connection.fetchval("select pg_current_wal_insert_lsn() - '0/0'")
        await asyncio.wait_for(hear_of(feed, ear, int(lsn)), 10)


async def test_a_slot_has_one_reader(world: World) -> None:
    await make_slot(world.connection)
    async with feeding(world.dsn):
        with pytest.raises(SlotBusyError):
            await Feed.open(Address.from_dsn(world.dsn), SLOT)
    async with feeding(world.dsn):
        pass


async def test_a_slot_that_is_not_there_is_lost(world: World) -> None:
    with pytest.raises(SlotLostError):
        await Feed.open(Address.from_dsn(world.dsn), SLOT)


async def test_a_server_that_ends_the_stream_is_noticed(world: World) -> None:
    await make_slot(world.connection)
    async with feeding(world.dsn) as (feed, ear):
        await world.connection.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots"
            " where slot_name = $1",
            SLOT,
        )
        with pytest.raises(OSError, match=r"terminat|ended|reset"):
            await hear(feed, ear, 1)


async def test_a_slot_invalidated_for_its_size_is_told_apart(
    own_world: World, own_postgres: EmbeddedPostgres
) -> None:
    await make_slot(own_world.connection)
    await own_world.connection.execute("alter system set max_slot_wal_keep_size = '1MB'")
    await own_world.connection.execute("select pg_reload_conf()")
    for _ in range(5):
        await own_world.connection.execute("select pg_switch_wal()")
        await pay(own_world)
    await own_world.connection.execute("checkpoint")
    lost = await own_world.connection.fetchval(
        "select wal_status from pg_replication_slots where slot_name = $1", SLOT
    )
    assert lost == "lost"
    with pytest.raises(SlotLostError):
        await Feed.open(Address.from_dsn(own_world.dsn), SLOT)


async def test_a_wrong_password_is_refused_by_name(world: World) -> None:
    address = Address.from_dsn(world.dsn.replace("://kvitok:", "://kvitok:x"))
    with pytest.raises(FeedError, match="password authentication failed"):
        await log_in(address)


async def test_a_missing_password_is_named(world: World) -> None:
    before, _, after = world.dsn.partition("@")
    address = Address.from_dsn(f"{before.rpartition(':')[0]}@{after}")
    with pytest.raises(FeedError, match="the DSN has none"):
        await log_in(address)


async def test_a_server_without_tls_is_refused_when_tls_is_demanded(world: World) -> None:
    with pytest.raises(FeedError, match="has no TLS"):
        await log_in(Address.from_dsn(f"{world.dsn}?sslmode=require"))


async def test_a_unix_socket_is_reached(own_postgres: EmbeddedPostgres) -> None:
    assert own_postgres.unix_dsn is not None
    wire = await log_in(Address.from_dsn(own_postgres.unix_dsn))
    wire.writer.close()


async def test_a_server_that_is_not_there_is_an_os_error() -> None:
    with pytest.raises(OSError, match=r"\d"):
        await log_in(Address.from_dsn("postgresql://kvitok:x@127.0.0.1:1/town"))


# --- a server with TLS ----------------------------------------------------------------------


@contextmanager
def certificates() -> Iterator[Path]:
    """A certificate for `localhost` that vouches for itself."""
    with short_directory() as directory:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", directory / "server.key", "-out", directory / "server.crt"],
            check=True, capture_output=True,
        )  # fmt: skip
        yield directory


@pytest.fixture(scope="module")
def tls_postgres() -> Iterator[tuple[EmbeddedPostgres, Path]]:
    """The system's PostgreSQL, which has TLS; the one from the wheel has not."""
    if not (SYSTEM_POSTGRES / "postgres").exists() or not shutil.which("openssl"):
        pytest.skip("no PostgreSQL with TLS on this machine")
    with certificates() as made, short_directory() as directory:
        settings = {
            **FAST_SETTINGS,
            "ssl": "on",
            "ssl_cert_file": str(made / "server.crt"),
            "ssl_key_file": str(made / "server.key"),
        }
        server = EmbeddedPostgres(directory / "pg", settings=settings, binaries=SYSTEM_POSTGRES)
        server.start()
        yield server, made / "server.crt"
        server.stop()


def at_localhost(dsn: str, **options: str) -> Address:
    pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return Address.from_dsn(dsn.replace("127.0.0.1", "localhost") + "?" + pairs)


@pytest.mark.parametrize("mode", ["prefer", "require", "verify-ca", "verify-full"])
async def test_the_feed_speaks_tls(tls_postgres: tuple[EmbeddedPostgres, Path], mode: str) -> None:
    server, root = tls_postgres
    options = {"sslrootcert": str(root)} if mode.startswith("verify") else {}
    wire = await log_in(at_localhost(server.dsn, sslmode=mode, **options))
    secured = wire.writer.get_extra_info("ssl_object")
    assert isinstance(secured, ssl.SSLObject)
    wire.writer.close()


async def test_a_certificate_that_nobody_vouches_for_is_refused(
    tls_postgres: tuple[EmbeddedPostgres, Path],
) -> None:
    server, _ = tls_postgres
    with pytest.raises(ssl.SSLCertVerificationError):
        await log_in(at_localhost(server.dsn, sslmode="verify-full"))


async def test_a_certificate_for_another_host_is_refused(
    tls_postgres: tuple[EmbeddedPostgres, Path],
) -> None:
    server, root = tls_postgres
    address = Address.from_dsn(f"{server.dsn}?sslmode=verify-full&sslrootcert={root}")
    with pytest.raises(ssl.SSLCertVerificationError):
        await log_in(address)


async def test_the_whole_feed_runs_over_tls(
    tls_postgres: tuple[EmbeddedPostgres, Path],
) -> None:
    from server.storage.migrate import migrate
    from tests.lookup.world import settle

    server, root = tls_postgres
    await migrate(server.dsn)
    connection = await asyncpg.connect(server.dsn)
    await settle(connection, 50)
    await make_slot(connection)
    await connection.execute("update ledger.account_paid set version = version + 1")
    dsn = server.dsn.replace("127.0.0.1", "localhost")
    async with feeding(f"{dsn}?sslmode=verify-full&sslrootcert={root}") as (feed, ear):
        await hear(feed, ear, 1)
    assert ear.rows == 50
    await connection.close()


# --- servers that ask for what we do not give -----------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"R\0\0\0\x08\0\0\0\x03", "a password in clear"),
        (b"R\0\0\0\x0c\0\0\0\x05salt", "an md5 password"),
        (b"R\0\0\0\x08\0\0\0\x07", "authentication method 7"),
        (b"R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-1\0\0\0\0", "does not offer"),
        (b"E\0\0\0\x12SFATAL\0Mno\0\0\0\0", "no"),
        (b"N\0\0\0\x05x", "unexpected message"),
        (b"", "closed the connection"),
    ],
)
async def test_what_a_server_asks_for_in_vain_is_named(answer: bytes, said: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = Address.from_dsn(f"postgresql://kvitok:x@127.0.0.1:{port}/town?sslmode=disable")
    with pytest.raises(FeedError, match=said):
        await log_in(address)
    server.close()


async def test_bytes_behind_the_answer_to_a_request_for_tls_are_refused() -> None:
    """Somebody in the middle could plant them before the encryption begins."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(b"Splanted")
        await writer.drain()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = Address.from_dsn(f"postgresql://kvitok:x@127.0.0.1:{port}/town?sslmode=require")
    with pytest.raises(FeedError):
        await log_in(address)
    server.close()
