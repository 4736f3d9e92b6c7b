"""Applies the numbered SQL files in order, each once, each in a transaction of its own."""

from __future__ import annotations

from pathlib import Path

import asyncpg

SCHEMA = Path(__file__).with_name("schema")
_LOCK = 0x6B7669746F6B  # any constant: two servers that start together migrate one by one


async def migrate(dsn: str) -> list[str]:
    """Bring the database up to date, months ahead included; returns the files applied now."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", _LOCK)
        await connection.execute(
            "create table if not exists public.schema_migrations"
            " (version text primary key, applied_at timestamptz not null default now())"
        )
        rows = await connection.fetch("select version from public.schema_migrations")
        done = {row["version"] for row in rows}
        files = [file for file in sorted(SCHEMA.glob("*.sql")) if file.stem not in done]
        for file in files:
            await _apply(connection, file)
        await connection.execute("call ledger.maintain_partitions(current_date)")
        return [file.stem for file in files]
    finally:
        await connection.close()


async def _apply(connection: asyncpg.Connection[asyncpg.Record], file: Path) -> None:
    async with connection.transaction():
        await connection.execute(file.read_text(encoding="utf-8"))
        await connection.execute(
            "insert into public.schema_migrations (version) values ($1)", file.stem
        )
