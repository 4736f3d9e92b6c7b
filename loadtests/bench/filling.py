"""Fills the stores: lanes in PostgreSQL, snapshots and ready answers in Valkey.

`python -m loadtests.bench.filling snapshots|answers FROM UNTIL URL` writes to Valkey in a process
of its own, because making ten million snapshots takes all that two cores can give.
"""

from __future__ import annotations

import datetime as dt
import itertools
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from loadtests.bench.accounts import Account, account, copy_texts
from server.accounts import AccountView
from server.agents import Agent, Limits
from server.demo.agents import demo_agents
from server.demo.catalogue import SERVICES
from server.demo.town import build_town
from server.lookup.snapshot import decode
from server.messages import AccountChecked
from server.money import Money
from server.protocols import Request
from server.protocols.osmp.codec import CODEC as OSMP
from server.sealing import FileSealer
from server.storage.agents import set_secrets
from server.storage.migrate import migrate

ANSWER = "p:"
"""Key prefix of what the peers look up: the whole rest of the answer behind the agent's number."""
EPOCH = 1_000_000
"""Of snapshots that no sync has written; higher than any floor that it may set."""
_AT_ONCE = 5_000
_ROOT = Path(__file__).parents[2]
_SIGN = b"<osmp_txn_id>0</osmp_txn_id>"
_OURS = "account ~ '^[2-9][0-9]{7}$'"
_COLUMNS = {
    "billed": ("account", "state", "holder", "address", "services", "charged", "meters"),
    "paid": ("account", "services", "paid", "advance"),
}


async def fill_postgres(dsn: str, count: int, installation_key: str) -> None:
    """Schema, catalogue and agents as in the demo; `count` accounts straight into the lanes."""
    await migrate(dsn)
    await build_town(dsn, 0, today=dt.datetime.now(dt.UTC).date())
    sealer = FileSealer.from_text(installation_key)
    connection = await asyncpg.connect(dsn)
    try:
        for agent in demo_agents():
            if agent.secrets:
                await set_secrets(connection, sealer, agent.name, agent.secrets)
        # Limits that are counted, though never reached.
        await connection.execute(
            "update ledger.agents set requests_per_second_max = 10000000,"
            " unknown_accounts_per_minute_max = 1000000"
        )
        async with connection.transaction():
            for place, lane in enumerate(("billed", "paid")):
                # An earlier run may have ended between this and its note that all is filled.
                await connection.execute(f"delete from ledger.account_{lane} where {_OURS}")
                await connection.copy_to_table(
                    f"account_{lane}",
                    schema_name="ledger",
                    source=_source(count, place),
                    columns=_COLUMNS[lane],
                )
        await connection.execute("analyze ledger.account_billed, ledger.account_paid")
        await connection.execute("checkpoint")
    finally:
        await connection.close()


async def _source(count: int, place: int) -> AsyncIterator[bytes]:
    for some in _parts(range(count)):
        yield "".join(texts[place] for texts in copy_texts(some)).encode()


def _parts(places: range) -> Iterator[range]:
    for since in range(places.start, places.stop, _AT_ONCE):
        yield range(since, min(since + _AT_ONCE, places.stop))


def fill_valkey(what: str, count: int, url: str) -> None:
    """`snapshots` or `answers` of the first `count` accounts, made by two processes."""
    middle = count // 2
    halves = [
        subprocess.Popen(
            [sys.executable, "-m", "loadtests.bench.filling", what, str(since), str(until), url],
            cwd=_ROOT,
        )
        for since, until in ((0, middle), (middle, count))
    ]
    codes = [half.wait() for half in halves]
    if any(codes):
        raise RuntimeError(f"Valkey could not be filled with {what}")


def main(what: str, since: str, until: str, url: str) -> None:
    """What one of those processes does."""
    pair: Callable[[int], tuple[str, bytes]] = {"snapshots": _snapshot, "answers": _answer}[what]
    places = range(int(since), int(until))
    _write(url, (map(pair, some) for some in _parts(places)))


def _snapshot(place: int) -> tuple[str, bytes]:
    it = account(place)
    return "a:" + it.number, it.snapshot(EPOCH)


_CATALOGUE: Mapping[int, tuple[str, str, str]] = {
    service.id: (service.code, service.name, service.unit) for service in SERVICES
}


def _answer(place: int) -> tuple[str, bytes]:
    it = account(place)
    view = _view(it)
    shown = (view.holder, view.debt, view.address, *(each.debt for each in view.services[:6]))
    rest = _ANSWER % tuple(map(str, shown))
    for number, more in enumerate(view.services[6:], 10):
        field = f'<field{number} name="{more.name}" type="disp">{more.debt}</field{number}>'
        rest = rest.replace("</fields>", field + "</fields>")
    # Ten times as quick as the codec, and here and there held to it.
    if place % _AT_ONCE == 0:
        body = OSMP.encode(_REQUEST, AccountChecked(view)).body
        assert body.partition(_SIGN)[2] == rest.encode(), body
    return ANSWER + it.number, rest.encode()


def _view(it: Account) -> AccountView:
    view = decode(it.snapshot(EPOCH), it.number, _CATALOGUE)
    assert view is not None
    return view


_LABELS = ("Плательщик", "Долг, руб.", "Адрес", *(service.name for service in SERVICES[:6]))
_ANSWER = "<result>0</result><comment>OK</comment><fields>{}</fields></response>".format(
    "".join(
        f'<field{number} name="{label}" type="disp">%s</field{number}>'
        for number, label in enumerate(_LABELS, 1)
    )
)
ANSWER_HEAD = b'<?xml version="1.0" encoding="UTF-8"?>\n<response>'
"""What stands before the agent's number; the peers have it in their source."""
_REQUEST = Request(
    method="GET",
    path="/pay/osmp",
    query="command=check&txn_id=0&account=1&sum=1",
    headers={},
    body=b"",
    agent=Agent("osmp", "osmp", "Europe/Moscow", Limits(Money(100), Money(1_500_000))),
    received_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
)


def _write(url: str, parts: Iterable[Iterable[tuple[str, bytes]]]) -> None:
    """MSETs, one for each part, with no more than one unanswered."""
    place = urlsplit(url)
    with socket.create_connection((place.hostname or "", place.port or 0)) as connection:
        replies = connection.makefile("rb")
        connection.sendall(_command([b"AUTH", (place.password or "").encode()]))
        for part in parts:
            words = itertools.chain.from_iterable((key.encode(), value) for key, value in part)
            connection.sendall(_command([b"MSET", *words]))
            _demand_ok(replies.readline())
        _demand_ok(replies.readline())


def _demand_ok(reply: bytes) -> None:
    if reply != b"+OK\r\n":
        raise RuntimeError(f"Valkey said {reply!r}")


def _command(words: list[bytes]) -> bytes:
    pieces = [b"*%d\r\n" % len(words)]
    pieces += [b"$%d\r\n%b\r\n" % (len(word), word) for word in words]
    return b"".join(pieces)


if __name__ == "__main__":
    main(*sys.argv[1:])
