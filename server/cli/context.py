"""Where a command finds its servers, how it speaks and how it ends."""

from __future__ import annotations

import asyncio
import getpass
import json
import locale
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import asyncpg
import redis.exceptions
import typer

from server.config import Settings, read_settings

T = TypeVar("T")
EXIT_NO = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
RUN_FILE = "run.json"
KEY_FILE = "installation.key"


def russian() -> bool:
    """Whether the person's locale is Russian."""
    chosen = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG")
    return (chosen or locale.getlocale()[0] or "").lower().startswith("ru")


def said(english: str, russian_text: str) -> str:
    """The text in the person's language."""
    return russian_text if russian() else english


DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data", help=said("directory of the running demo", "папка работающей демонстрации")
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help=said("print JSON", "вывести JSON"))]


@dataclass(frozen=True, slots=True)
class Running:
    """What a running demo writes into its directory."""

    dsn: str
    redis_url: str
    port: int
    pid: int

    def write(self, directory: Path) -> None:
        """Readable by its owner only: it holds passwords."""
        file = directory / RUN_FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(self)), encoding="utf-8")


def find_servers(data: Path | None) -> Settings:
    """Settings with the DSN, URL and key of the running demo, or from the environment."""
    if data is None:
        settings = read_settings()
        if not settings.dsn:
            stop(
                EXIT_USAGE,
                said(
                    "give --data DIR or set KVITOK_DSN and KVITOK_REDIS_URL",
                    "укажите --data DIR или переменные KVITOK_DSN и KVITOK_REDIS_URL",
                ),
            )
        return settings
    try:
        running = Running(**json.loads((data / RUN_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        stop(
            EXIT_UNREACHABLE,
            said(f"no demo is running in {data}", f"в папке {data} демонстрация не запущена"),
        )
    return read_settings(
        dsn=running.dsn,
        redis_url=running.redis_url,
        installation_key=_installation_key(data),
        port=running.port,
    )


def _installation_key(data: Path) -> str:
    try:
        return (data / KEY_FILE).read_text(encoding="ascii").strip()
    except OSError:
        return ""


def stop(code: int, message: str) -> NoReturn:
    """End with a message on stderr."""
    typer.echo(f"kvitok: {message}", err=True)
    raise typer.Exit(code)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run to the end; a server that cannot be reached ends with exit code 3."""
    try:
        return asyncio.run(work)
    except (OSError, asyncpg.PostgresConnectionError, redis.exceptions.ConnectionError) as error:
        stop(EXIT_UNREACHABLE, said(f"cannot reach: {error}", f"нет связи: {error}"))


async def with_connection(
    settings: Settings,
    work: Callable[[asyncpg.Connection[asyncpg.Record]], Awaitable[T]],
) -> T:
    """Run `work` on a connection of its own."""
    connection = await asyncpg.connect(settings.dsn, timeout=10)
    try:
        return await work(connection)
    finally:
        await connection.close()


def actor() -> str:
    """Who is at the command line, for the audit."""
    return getpass.getuser()


def print_json(value: object) -> None:
    """One JSON document, Cyrillic as it is."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=None))
