"""A process that starts servers, for tests that kill it or run it as another user.

parent.py DIRECTORY hold      start both, say where they are, wait for the end of input, stop
parent.py DIRECTORY journey   first start, second start, stale lock; says what it found
"""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import asyncpg

from server.embedded import EmbeddedPostgres, EmbeddedValkey

SETTINGS = {"fsync": "off", "shared_buffers": "64MB", "dynamic_shared_memory_type": "mmap"}


def main(directory: str, task: str) -> None:
    tasks = {"hold": hold, "journey": journey}
    tasks[task](Path(directory))


def hold(directory: Path) -> None:
    postgres = EmbeddedPostgres(directory / "pg", settings=SETTINGS)
    valkey = EmbeddedValkey(directory / "valkey")
    postgres.start()
    valkey.start()
    say({"postgres": postgres.pid, "valkey": valkey.pid, "dsn": postgres.dsn, "url": valkey.url})
    sys.stdin.read()
    postgres.stop()
    valkey.stop()


def journey(directory: Path) -> None:
    server = EmbeddedPostgres(directory / "pg", settings=SETTINGS)
    server.start()
    asyncio.run(query(server.dsn, "create table kept as select 42 as answer"))
    server.stop()
    # The number of a living process that is no PostgreSQL of this directory: our own parent.
    lock = directory / "pg" / "data" / "postmaster.pid"
    lock.write_text(f"{os.getppid()}\n{directory}/pg/data\n", encoding="ascii")
    server.start()
    answer = asyncio.run(query(server.dsn, "select answer from kept"))
    server.stop()
    say({"user": os.geteuid(), "answer": answer})


async def query(dsn: str, statement: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


def say(answer: dict[str, object]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
