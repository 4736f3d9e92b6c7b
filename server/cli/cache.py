"""`kvitok cache …`: is Redis what PostgreSQL says, and make it so."""

from __future__ import annotations

import typer

from server.cli.context import (
    EXIT_NO,
    DataOption,
    JsonOption,
    find_servers,
    print_json,
    run,
    said,
)
from server.lookup import sync

app = typer.Typer(help=said("Snapshots in Redis", "Снимки счетов в Redis"), no_args_is_help=True)


@app.command(help=said("Compare every snapshot", "Сверить все снимки с базой"))
def verify(data: DataOption = None, as_json: JsonOption = False) -> None:
    """Exit code 1 when anything is missing, stale or extra."""
    settings = find_servers(data)
    counts = run(sync.verify(settings.dsn, settings.redis_url))
    if as_json:
        print_json(counts)
    else:
        typer.echo("  ".join(f"{name}: {count}" for name, count in counts.items()))
    wrong = counts["missing"] or counts["stale"] or counts["extra"]
    raise typer.Exit(EXIT_NO if wrong else 0)


@app.command(help=said("Write every snapshot anew", "Записать все снимки заново"))
def rebuild(data: DataOption = None) -> None:
    """Lookups go on meanwhile."""
    settings = find_servers(data)
    run(sync.rebuild(settings.dsn, settings.redis_url))
    typer.echo(said("rebuilt", "записаны заново"))
