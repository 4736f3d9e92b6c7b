"""Pays over HTTP and looks at once on every worker whether the payment is seen, whatever happens.

A process of its own: `sync_payments PORT SUPERVISOR WORKERS OWED_FILE`. What is answered with "try
later", or not at all, is said again until it is answered. Ends with stdin; prints a JSON line.
"""

from __future__ import annotations

import datetime as dt
import json
import select
import sys
import time
from pathlib import Path

from loadtests.bench import shapes
from loadtests.bench.connection import Connection
from loadtests.bench.sockets import asked, one_to_each_worker
from loadtests.bench.sync_checks import debt_in, is_later

_KOPECKS = 100
_PAUSE_SECONDS = 0.02
_AGAIN_SECONDS = 0.05
_PAID = b"<result>0</result>"


def main(port: str, supervisor: str, workers: str, file: str) -> None:
    """Pay on and judge every check."""
    lines = Path(file).read_text(encoding="ascii").splitlines()
    owed = {account: int(debt) for account, debt in (line.split() for line in lines)}
    accounts = list(owed)
    links = one_to_each_worker(int(port), int(supervisor), int(workers), accounts[0])
    series = time.time_ns() // 1_000_000 * 1_000
    found = {"payments": 0, "repeated": 0, "checks": 0, "stale": 0, "later": 0}
    turn = 0
    while not select.select([sys.stdin], [], [], _PAUSE_SECONDS)[0]:
        account = accounts[turn % len(accounts)]
        request = _payment(series + turn, account)
        while _PAID not in asked(links[turn % len(links)], request):
            found["repeated"] += 1
            time.sleep(_AGAIN_SECONDS)
        turn += 1
        owed[account] -= _KOPECKS
        found["payments"] += 1
        for link in links:
            _check(link, account, owed[account], turn, found)
    print(json.dumps(found))


def _payment(number: int, account: str) -> bytes:
    now = dt.datetime.now(dt.UTC)
    head = "".join(f"{name}: {value}\r\n" for name, value in shapes.USUAL.headers)
    return (
        f"GET /pay/osmp?command=pay&txn_id={number}&txn_date={now:%Y%m%d%H%M%S}&account={account}"
        f"&sum={_KOPECKS / 100:.2f} HTTP/1.1\r\n{head}\r\n"
    ).encode()


def _check(link: Connection, account: str, owed: int, turn: int, found: dict[str, int]) -> None:
    """Nobody charges these accounts: any other debt than this is a payment that is not seen."""
    answer = asked(link, shapes.filled(shapes.check("/pay/osmp"), turn, account))
    found["checks"] += 1
    if is_later(answer):
        found["later"] += 1
    elif debt_in(answer) != owed:
        found["stale"] += 1
        print(f"{account}: {debt_in(answer)}, not {owed}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
