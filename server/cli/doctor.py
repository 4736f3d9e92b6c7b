"""`kvitok doctor`: is everything as it must be, and do the books add up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import TypeAlias

import asyncpg
import redis.asyncio
import redis.exceptions
import typer

from server.agent_faults import agent_faults
from server.cli.context import (
    EXIT_NO,
    DataOption,
    JsonOption,
    find_servers,
    print_json,
    run,
    said,
    with_connection,
)
from server.config import Settings
from server.protocols import load
from server.sealing import FileSealer, Untouched
from server.storage.agents import Sealer, read_agents
from server.storage.migrate import SCHEMA
from server.storage.proof import default_partition_rows, differences

_MONTHS_AHEAD_MIN = 2


@dataclass(frozen=True, slots=True)
class Check:
    """One answer of the doctor."""

    name: str
    ok: bool
    detail: str


def doctor(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Exit code 1 when anything is wrong; the ledger proof names the accounts."""
    checks = run(_examine(find_servers(data)))
    ok = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": ok, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            typer.echo(f"{'✓' if check.ok else '✗'} {check.name}: {check.detail}")
    raise typer.Exit(0 if ok else EXIT_NO)


async def _examine(settings: Settings) -> list[Check]:
    checks = await with_connection(settings, _examine_postgres)
    checks.append(await with_connection(settings, partial(_agents, settings.installation_key)))
    checks.append(await _examine_redis(settings.redis_url))
    return checks


Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"


async def _examine_postgres(connection: Connection) -> list[Check]:
    examine: tuple[Callable[[Connection], Awaitable[Check]], ...] = (
        _migrations,
        _partitions,
        _slot,
        _standbys,
        _ledger,
    )
    return [await each(connection) for each in examine]


async def _migrations(connection: Connection) -> Check:
    rows = await connection.fetch("select version from public.schema_migrations")
    missing = {file.stem for file in SCHEMA.glob("*.sql")} - {row["version"] for row in rows}
    return Check("migrations", not missing, ", ".join(sorted(missing)) or "all applied")


async def _partitions(connection: Connection) -> Check:
    strays = {k: v for k, v in (await default_partition_rows(connection)).items() if v}
    ahead = await connection.fetchval(
        "select to_regclass(format('ledger.payment_%s', to_char(current_date"
        f" + interval '{_MONTHS_AHEAD_MIN} months', 'YYYY_MM'))) is not null"
    )
    detail = "; ".join(f"{name}: {count} rows" for name, count in strays.items())
    return Check("partitions", ahead and not strays, detail or ("ready" if ahead else "too few"))


async def _slot(connection: Connection) -> Check:
    row = await connection.fetchrow(
        "select active, wal_status, pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)"
        " as behind from pg_replication_slots where slot_name = 'kvitok_sync'"
    )
    if row is None:
        return Check("sync slot", False, "there is none")
    usable = row["active"] and row["wal_status"] in ("reserved", "extended")
    return Check("sync slot", usable, f"{row['wal_status']}, {row['behind']} bytes behind")


async def _standbys(connection: Connection) -> Check:
    """The sync reads the log as a standby does; `*` may take it for one, and it keeps nothing."""
    names = str(await connection.fetchval("show synchronous_standby_names"))
    if "*" in names:
        detail = f"synchronous_standby_names is {names}: name the standby, else our sync counts too"
        return Check("standbys", False, detail)
    return Check("standbys", True, names or "none is waited for")


async def _ledger(connection: Connection) -> Check:
    found = await differences(connection)
    detail = "; ".join(
        f"account {each.account}: {each.what} lane {each.lane}, entries {each.entries}"
        for each in found
    )
    return Check("ledger", not found, detail or "every balance is what its entries add up to")


async def _agents(key: str, connection: Connection) -> Check:
    """Who is not served. Without the installation's key nothing is said of secrets."""
    sealer: Sealer = FileSealer.from_text(key) if key else Untouched()
    found, unreadable = await read_agents(connection, sealer)
    faulty = {
        name: faults
        for name, agent in found.items()
        if (faults := agent_faults(agent, load(), is_sealed=not key))
    }
    said_of = {**unreadable, **faulty}
    detail = "; ".join(f"{name} is not served: {', '.join(said_of[name])}" for name in said_of)
    good = f"{len(found)} are served" + ("" if key else ", their secrets were not looked at")
    return Check("agents", not said_of, detail or good)


async def _examine_redis(url: str) -> Check:
    client = redis.asyncio.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5)
    try:
        policy = (await client.config_get("maxmemory-policy"))["maxmemory-policy"]
        complete = await client.exists("a:~complete")
        beat = await client.exists("a:~beat")
    except (TimeoutError, redis.exceptions.RedisError, OSError) as error:
        return Check("redis", False, repr(error))
    finally:
        await client.aclose()
    if policy != "noeviction":
        return Check("redis", False, f"maxmemory-policy is {policy}, must be noeviction")
    detail = said("complete", "снимки полны") if complete and beat else "snapshots are not complete"
    return Check("redis", bool(complete and beat), detail)
