"""`kvitok demo`, `kvitok serve`, `kvitok dsn`."""

from __future__ import annotations

import datetime as dt
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import asyncpg
import typer

from server.cli.context import (
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    KEY_FILE,
    RUN_FILE,
    DataOption,
    Running,
    find_servers,
    run,
    said,
    stop,
    with_connection,
)
from server.config import Settings, read_settings

_ACCOUNTS = 10_000

PortOption = Annotated[int, typer.Option("--port", min=0, max=65535, help=said("port", "порт"))]
WorkersOption = Annotated[
    int, typer.Option("--workers", min=1, max=64, help=said("worker processes", "процессы"))
]


def demo(
    port: PortOption = 8080,
    data: Annotated[
        Path, typer.Option("--data", help=said("directory for all data", "папка для данных"))
    ] = Path("var/demo"),
    accounts: Annotated[
        int,
        typer.Option("--accounts", min=0, max=10_000_000, help=said("accounts", "лицевые счета")),
    ] = _ACCOUNTS,
    workers: WorkersOption = 1,
) -> None:
    """Start everything on this machine with the demo town; for trying, not for money."""
    from server.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey
    from server.sealing import key_file

    data.mkdir(parents=True, exist_ok=True)
    data = data.resolve()
    postgres = EmbeddedPostgres(data / "postgres")
    valkey = EmbeddedValkey(data / "valkey")
    try:
        postgres.start()
        valkey.start()
        settings = read_settings(
            dsn=postgres.dsn,
            redis_url=valkey.url,
            installation_key=key_file(data / KEY_FILE),
            port=port,
            workers=workers,
            demo=True,
        )
        run(_build(settings, accounts, data))
        running = Running(postgres.dsn, valkey.url, port, os.getpid())
        raise typer.Exit(_supervise(settings, lambda bound: _announce(running, data, bound), data))
    except EmbeddedError as error:
        stop(EXIT_UNREACHABLE, str(error))
    finally:
        (data / RUN_FILE).unlink(missing_ok=True)
        valkey.stop()
        postgres.stop()


def serve(port: PortOption = 8080, workers: WorkersOption = 1) -> None:
    """Serve with PostgreSQL and Redis from the environment (production)."""
    from server.lookup.slot import current_lsn
    from server.storage.migrate import migrate

    settings = read_settings(port=port, workers=workers)
    for name in ("dsn", "redis_url", "installation_key"):
        if not getattr(settings, name):
            variable = f"KVITOK_{name.upper()}"
            stop(EXIT_USAGE, said(f"set {variable}", f"задайте {variable}"))

    async def prepare() -> int:
        await migrate(settings.dsn)
        return await with_connection(settings, current_lsn)

    raise typer.Exit(_supervise(settings, _ready_line, written=run(prepare())))


def dsn(
    data: DataOption = None,
    redis: Annotated[
        bool, typer.Option("--redis", help=said("Valkey URL", "адрес Valkey"))
    ] = False,
) -> None:
    """Print where the running demo's PostgreSQL (or Valkey) is."""
    settings = find_servers(data or Path("var/demo"))
    typer.echo(settings.redis_url if redis else settings.dsn)


async def _build(settings: Settings, accounts: int, data: Path) -> None:
    """Schema, town and secrets; a directory that has them keeps them."""
    from server.api.passwords import password_hash
    from server.api.sessions import DEMO_PASSWORD
    from server.cli.demo_keys import secrets_of
    from server.demo.agents import demo_agents
    from server.demo.staff import DEMO_STAFF
    from server.demo.town import build_town
    from server.sealing import FileSealer
    from server.storage.agents import set_secrets
    from server.storage.migrate import migrate
    from server.storage.staff import add_staff

    await migrate(settings.dsn)
    await build_town(
        settings.dsn, accounts, today=dt.datetime.now().astimezone().date(), progress=_progress
    )
    sealer = FileSealer.from_text(settings.installation_key)
    connection = await asyncpg.connect(settings.dsn)
    try:
        for agent in demo_agents():
            if secrets := secrets_of(agent, data):
                await set_secrets(connection, sealer, agent.name, secrets)
        for person in DEMO_STAFF:
            await add_staff(connection, person, password_hash(DEMO_PASSWORD))
    finally:
        await connection.close()


def _progress(done: int, total: int, what: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{what}: {done}/{total}   ")
        sys.stderr.flush()


def _supervise(
    settings: Settings,
    on_ready: Callable[[int], None],
    data: Path | None = None,
    written: int = 0,
) -> int:
    from server.processes import supervise

    return supervise(settings, on_ready, data, written)


def _announce(running: Running, data: Path, port: int) -> None:
    Running(running.dsn, running.redis_url, port, running.pid).write(data)
    _ready_line(port)


def _ready_line(port: int) -> None:
    print(f"kvitok: ready http://127.0.0.1:{port}", flush=True)  # scripts wait for this line
