"""The agents as PostgreSQL has them, read anew whenever somebody has changed one.

An agent with a fault is not served by anybody until it is put right: another version of it, older
or guessed, might let in whom the new one was to keep out. Its network sees a failed exchange
(HTTP 503) and repeats.

Whoever reads the agents keeps their rows in a file of the running server, sealed with the
installation's key, secrets sealed once more as they are in PostgreSQL. So a worker that is started
while PostgreSQL is away knows who may ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import asyncpg
import structlog

from server.agent_faults import agent_faults
from server.agents import Agent
from server.protocols import load
from server.refusals import Refusal, Refused
from server.storage.agents import CHANGED, Sealer, agents_of
from server.storage.connection import UNANSWERED, Connection
from server.storage.directory import Rows, pack, read_rows, unpack
from server.storage.lost import LOST

_log = structlog.get_logger("agents")
KIOSK = "kiosk"
"""The agent that the kiosk pages pay as."""
_REREAD_SECONDS = 30.0
_PAUSE_SECONDS = 1.0
_LISTEN_SECONDS = 10.0
_FIRST_CONNECT_SECONDS_MAX = 2.0


class AgentBook:
    """All agents, and the services; `follow` keeps it up to date. `kept` is the file for later."""

    def __init__(self, dsn: str, sealer: Sealer, kept: Path | None = None) -> None:
        self._dsn = dsn
        self._sealer = sealer
        self._kept = kept
        self.services: dict[int, tuple[str, str, str]] = {}
        """Code, name and unit by id."""
        self.service_ids: dict[str, int] = {}
        """By code, those whose supplier heeds what a payer meant for a service; the same dict for
        ever, so that whoever has it keeps up."""
        self._agents: Mapping[str, Agent] = {}
        self._faults: Mapping[str, tuple[str, ...]] = {}
        self._changed = asyncio.Event()

    def current(self) -> Mapping[str, Agent]:
        """Those that are served, as read last; a new object whenever they have changed."""
        return self._agents

    def faults(self) -> Mapping[str, tuple[str, ...]]:
        """Those that are not, and why."""
        return self._faults

    def kiosk(self) -> Agent:
        """The agent of the kiosk pages. Raises Refused(TRY_LATER) while it is not served."""
        agent = self._agents.get(KIOSK)
        if agent is None:
            raise Refused(Refusal.TRY_LATER, "the kiosk's agent is not served")
        return agent

    async def open(self) -> bool:
        """Read all of them, or as they were kept; False when there is neither."""
        try:
            connection = await asyncpg.connect(self._dsn, timeout=_FIRST_CONNECT_SECONDS_MAX)
        except UNANSWERED as error:
            return self._open_kept(error)
        try:
            await self.read(connection)
        except LOST as error:
            return self._open_kept(error)
        finally:
            connection.terminate()
        return True

    async def read(self, connection: Connection) -> None:
        """Read all of them, and keep them."""
        rows = await read_rows(connection)
        self._take(rows)
        if self._kept is not None:
            self._keep(self._kept, pack(rows))

    def _open_kept(self, away: Exception) -> bool:
        try:
            packed = self._kept.read_bytes() if self._kept is not None else b""
            self._take(unpack(self._sealer.unseal(packed)))
        except (OSError, ValueError) as error:
            _log.warning("no agents yet", postgres=repr(away), kept=repr(error))
            return False
        _log.warning("agents as they were kept", postgres=repr(away))
        return True

    def _keep(self, kept: Path, packed: bytes) -> None:
        """Whoever reads it has all of the old or all of the new."""
        part = kept.with_suffix(f".{id(self):x}")
        try:
            part.touch(mode=0o600)
            part.write_bytes(self._sealer.seal(packed))
            part.replace(kept)
        except OSError as error:
            _log.warning("agents not kept", error=repr(error))

    def _take(self, rows: Rows) -> None:
        self.services = {
            row["id"]: (row["code"], row["name"], row["unit"]) for row in rows["services"]
        }
        heeded = {
            row["code"]: row["id"] for row in rows["services"] if row.get("heeds_payers", True)
        }
        for code in self.service_ids.keys() - heeded.keys():
            del self.service_ids[code]
        self.service_ids.update(heeded)
        agents, faults = agents_of(rows["agents"], self._sealer)
        found = dict(faults)
        for name, agent in agents.items():
            if faulty := agent_faults(agent, load()):
                found[name] = faulty
        served = {name: agent for name, agent in agents.items() if name not in found}
        if served != self._agents:
            self._agents = served
        self._tell(found)

    def _tell(self, faults: Mapping[str, tuple[str, ...]]) -> None:
        """Log what is new."""
        for name, found in faults.items():
            if found != self._faults.get(name):
                _log.error("agent not served", agent=name, faults=list(found))
        for name in self._faults.keys() - faults.keys():
            _log.info("agent has no fault any more", agent=name)
        self._faults = faults

    async def follow(self) -> None:
        """Keep up with changes until cancelled. Whatever breaks, it is tried again."""
        while True:
            try:
                await self._follow_once()
            except Exception as error:  # else agents would never be read again
                _log.warning("agents cannot be followed", error=repr(error))
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _follow_once(self) -> None:
        connection = await asyncpg.connect(self._dsn, timeout=10)
        try:
            async with asyncio.timeout(_LISTEN_SECONDS):
                await connection.add_listener(CHANGED, lambda *_: self._changed.set())
            connection.add_termination_listener(lambda *_: self._changed.set())
            while True:
                self._changed.clear()
                await self.read(connection)
                await self._wait()
        finally:
            connection.terminate()

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(_REREAD_SECONDS):
                await self._changed.wait()
        except TimeoutError:
            return
