"""A real Valkey cluster on loopback: three primaries, each with a replica if wanted."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis

from server.embedded import EmbeddedValkey
from server.embedded.ports import choose_port
from server.lookup.slots import SLOTS, Address, Topology, read_topology

PRIMARIES = 3
NODE_TIMEOUT_MS = 2000
_PATIENCE_SECONDS = 30


class Member:
    """One node."""

    def __init__(self, directory: Path, password: str) -> None:
        directory.mkdir(mode=0o700)
        (directory / "password").write_text(password + "\n")
        self.server = EmbeddedValkey(
            directory,
            settings={
                "cluster-enabled": "yes",
                "cluster-port": str(choose_port()),
                "cluster-node-timeout": str(NODE_TIMEOUT_MS),
                "cluster-require-full-coverage": "no",
                "cluster-replica-validity-factor": "0",
                "cluster-allow-replica-migration": "no",
                "repl-diskless-sync-delay": "0",
                "masterauth": password,
            },
        )
        self.server.start()
        self.client: Any = redis.Redis.from_url(self.server.url, retry=None)
        self.port = int(self.server.url.rpartition(":")[2].partition("/")[0])
        self.id: str = self.run("CLUSTER", "MYID").decode()

    @property
    def address(self) -> Address:
        """As the other nodes know it."""
        return "127.0.0.1", self.port

    def run(self, *words: object) -> Any:
        """A command on this node alone."""
        return self.client.execute_command(*words)

    def says(self, line: str) -> bool:
        """Whether it is among what it knows of the cluster."""
        return line.encode() in self.run("CLUSTER", "INFO").split()

    def view(self) -> Topology:
        """The cluster as it sees it."""
        return read_topology(self.run("CLUSTER", "SLOTS"), self.address)

    @property
    def bus_port(self) -> int:
        return int(self.client.config_get("cluster-port")["cluster-port"])

    @property
    def is_primary(self) -> bool:
        """Whether it says so itself; a node that is away is none."""
        try:
            return bool(self.run("ROLE")[0] == b"master")
        except (redis.ConnectionError, redis.TimeoutError):
            return False


class ValkeyCluster:
    """See the module."""

    def __init__(self, directory: Path, replicas: bool) -> None:
        self._password = secrets.token_hex(16)
        count = PRIMARIES * (2 if replicas else 1)
        self.members = [Member(directory / f"n{n}", self._password) for n in range(count)]
        self.primaries = self.members[:PRIMARIES]
        self.replicas = self.members[PRIMARIES:]
        self._form()

    @property
    def url(self) -> str:
        """As a setting names it."""
        hosts = ",".join(f"127.0.0.1:{member.port}" for member in self.members)
        return f"redis+cluster://:{self._password}@{hosts}"

    def stop(self) -> None:
        for member in self.members:
            member.client.close()
            member.server.kill()

    def _form(self) -> None:
        first, *others = self.members
        for place, member in enumerate(self.primaries):
            share = SLOTS * place // PRIMARIES, SLOTS * (place + 1) // PRIMARIES - 1
            member.run("CLUSTER", "ADDSLOTSRANGE", *share)
        for place, member in enumerate(self.members, 1):
            member.run("CLUSTER", "SET-CONFIG-EPOCH", place)
        for member in others:
            member.run("CLUSTER", "MEET", "127.0.0.1", first.port, first.bus_port)
        until(lambda: all(self._knows_all(member) for member in self.members))
        for primary, replica in zip(self.primaries, self.replicas, strict=False):
            replica.run("CLUSTER", "REPLICATE", primary.id)
        until(lambda: all(self._is_ready(member) for member in self.members))

    def _knows_all(self, member: Member) -> bool:
        return member.says(f"cluster_known_nodes:{len(self.members)}")

    def _is_ready(self, member: Member) -> bool:
        info = member.client.info("replication")
        linked = info["role"] == "master" or info["master_link_status"] == "up"
        wanted = (member in self.primaries) == (info["role"] == "master")
        return linked and wanted and member.says("cluster_state:ok") and len(member.view()) == 3

    def owner(self, slot: int) -> Member:
        """The primary that has the slot, as it sees itself."""
        for member in self.members:
            if member.is_primary:
                primary = member.view().get(member.address)
                if primary is not None and slot in primary.slots:
                    return member
        raise AssertionError(f"nobody has slot {slot}")

    def migrate(self, slot: int, source: Member, target: Member) -> None:
        """Move one slot as redis-cli does, key by key."""
        self.begin_migration(slot, source, target)
        self.end_migration(slot, source, target)

    def begin_migration(self, slot: int, source: Member, target: Member) -> None:
        """Move its keys; the slot itself is still the source's, which asks to ask the target."""
        target.run("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.run("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)
        while keys := source.run("CLUSTER", "GETKEYSINSLOT", slot, 10):
            words = ("MIGRATE", "127.0.0.1", target.port, "", 0, 5000)
            source.run(*words, "AUTH", self._password, "KEYS", *keys)

    def end_migration(self, slot: int, source: Member, target: Member) -> None:
        """The slot is the target's."""
        for member in (target, source):
            member.run("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def migrate_at_once(self, first: int, last: int, source: Member, target: Member) -> None:
        """Move slots as Valkey 9 does by itself."""
        source.run("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", target.id)
        until(lambda: self.owner(first) is target and self.owner(last) is target)


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that happens by itself."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.02)


@contextmanager
def cluster(directory: Path, *, replicas: bool = False) -> Iterator[ValkeyCluster]:
    """A cluster that has formed."""
    running = ValkeyCluster(directory, replicas)
    try:
        yield running
    finally:
        running.stop()
