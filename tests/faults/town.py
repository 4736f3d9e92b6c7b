"""The demo town as a PostgreSQL directory, made once and copied for every stage."""

from __future__ import annotations

import base64
import datetime as dt
import shutil
from pathlib import Path

import asyncpg

from server.demo.agents import demo_agents
from server.demo.town import build_town
from server.embedded import EmbeddedPostgres
from server.sealing import FileSealer
from server.storage.agents import set_secrets
from server.storage.migrate import migrate
from tests.servers import FAST_SETTINGS, run_now

INSTALLATION_KEY = base64.b64encode(bytes(range(32))).decode()
ORDINARY = tuple(f"10000{place:02d}" for place in range(1, 13))
"""Accounts that are paid to; few, so that payments meet on them."""
CLOSABLE = ORDINARY[-1]
"""Closed in the course of a run, so that the others can be judged by one rule."""
CLOSED, SUSPENDED, UNKNOWN = "9000001", "9000003", "5550001"
_ACCOUNTS = 24


class Town:
    """A directory to copy from; `directory` is removed by whoever made it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        server = EmbeddedPostgres(directory, settings=FAST_SETTINGS)
        server.start()
        run_now(_build(server.dsn))
        server.stop()

    def copy(self, directory: Path) -> None:
        """A PostgreSQL that can be started there."""
        shutil.copytree(self._directory, directory)


async def _build(dsn: str) -> None:
    await migrate(dsn)
    await build_town(dsn, _ACCOUNTS, today=dt.datetime.now(dt.UTC).date())
    sealer = FileSealer.from_text(INSTALLATION_KEY)
    connection = await asyncpg.connect(dsn)
    try:
        for agent in demo_agents():
            if agent.secrets:
                await set_secrets(connection, sealer, agent.name, agent.secrets)
    finally:
        await connection.close()
