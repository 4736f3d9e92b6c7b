"""A worker that is started while PostgreSQL is away answers checks, and heals when it is back."""

from __future__ import annotations

import datetime as dt
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.demo.town import build_town
from server.embedded import EmbeddedPostgres, EmbeddedValkey
from server.sealing import key_file
from server.storage.migrate import migrate
from tests.integration.demo import READY, ROOT, until
from tests.servers import run_now

RESULT = re.compile(r"<result>(\d+)</result>")
ACCOUNT = "1004217"


@contextmanager
def served(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, key: Path) -> Iterator[Server]:
    """`kvitok serve` with one worker on these two."""
    environment = os.environ | {
        "KVITOK_DSN": postgres.dsn,
        "KVITOK_REDIS_URL": valkey.url,
        "KVITOK_INSTALLATION_KEY": key_file(key),
        "KVITOK_JANITOR_PAUSE_SECONDS": "0.1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout is not None
    try:
        url = process.stdout.readline().removeprefix(READY).strip()
        yield Server(process, url)
    finally:
        process.terminate()
        process.wait(timeout=15)


class Server:
    """What a test asks of it."""

    def __init__(self, process: subprocess.Popen[str], url: str) -> None:
        self.process = process
        self.url = url

    def ask(self, **query: str) -> str:
        """The answer's result code, or what is wrong with the answer."""
        url = f"{self.url}/pay/osmp?{urllib.parse.urlencode(query)}"
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                found = RESULT.search(response.read().decode())
                return found[1] if found else "no result"
        except urllib.error.HTTPError as error:
            return f"HTTP {error.code}"
        except OSError:
            return "no connection"

    def check(self) -> str:
        return self.ask(command="check", txn_id="1", account=ACCOUNT, sum="10.00")

    def pay(self, number: str) -> str:
        return self.ask(
            command="pay", txn_id=number, txn_date="20261124101010", account=ACCOUNT, sum="10.00"
        )

    def worker(self) -> int:
        """Its process id; 0 = there is none now."""
        for each in Path("/proc").glob("[0-9]*"):
            try:
                name = (each / "comm").read_text().strip()
                parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if name == "kvitok-worker-0"[:15] and int(parent) == self.process.pid:
                return int(each.name)
        return 0


def test_a_worker_started_without_postgres_answers_checks_and_heals(
    own_postgres: EmbeddedPostgres, own_valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    run_now(migrate(own_postgres.dsn))
    today = dt.datetime.now(dt.UTC).date()
    run_now(build_town(own_postgres.dsn, 50, today=today, progress=lambda *_: None))
    with served(own_postgres, own_valkey, tmp_path / "key") as server:
        until(20, lambda: server.check() == "0")
        assert server.pay("1") == "0"
        own_postgres.kill()
        until(20, lambda: server.pay("2") == "1")
        first = server.worker()
        os.kill(first, signal.SIGKILL)
        until(20, lambda: server.worker() not in (0, first))
        until(20, lambda: server.check() == "0")
        assert server.pay("2") == "1"
        own_postgres.start()
        until(20, lambda: server.pay("2") == "0")
        assert server.pay("1") == "0"
    assert run_now(_payments(own_postgres.dsn)) == 2


async def _payments(dsn: str) -> int:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    count: int = await connection.fetchval(
        "select count(*) from ledger.payment where agent = 'osmp' and agent_payment_id = any($1)",
        ["1", "2"],
    )
    await connection.close()
    return count
