"""`kvitok registry …`: daily files of banks and networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from server.cli.context import (
    EXIT_NO,
    EXIT_USAGE,
    DataOption,
    JsonOption,
    actor,
    find_servers,
    print_json,
    run,
    said,
    stop,
    with_connection,
)
from server.config import Settings
from server.money import Money
from server.reconciliation.formats import FileRefused
from server.reconciliation.formats.english import english
from server.reconciliation.intake import (
    RegistrySummary,
    Terms,
    UnknownFormat,
    Upload,
    refusal_json,
)
from server.storage.registries import import_registry, registry

app = typer.Typer(
    help=said("Daily registries of payments", "Реестры платежей"), no_args_is_help=True
)


@app.command("import", help=said("Take a registry in and match it", "Принять и сверить реестр"))
def import_file(
    file: Annotated[
        Path, typer.Argument(help=said("the file", "файл"), exists=True, dir_okay=False)
    ],
    agent: Annotated[str, typer.Option(help=said("who sent it", "кто прислал"))],
    format_name: Annotated[
        str, typer.Option("--format", help=said("format, if not by itself", "формат, если не сам"))
    ] = "",
    lenient: Annotated[
        bool, typer.Option("--lenient", help=said("import despite faults", "принять с ошибками"))
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=said("leave nothing", "ничего не записывать"))
    ] = False,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Strict by default: a wrong structure or control sum refuses the file (exit code 1)."""
    terms = Terms(strict=not lenient, format=format_name)
    try:
        summary = run(_import(find_servers(data), file, agent, terms, dry_run))
    except FileRefused as refused:
        if as_json:
            print_json(refusal_json(refused))
            raise typer.Exit(EXIT_NO) from refused
        why = said(english(refused.message), refused.message)
        stop(EXIT_NO, f"{file}:{refused.line}:{refused.column}: {why}")
    except UnknownFormat as error:
        stop(EXIT_USAGE, said(f"unknown format {format_name}", f"неизвестный формат: {error}"))
    except LookupError:
        stop(EXIT_USAGE, said(f"there is no agent {agent}", f"нет агента {agent}"))
    if as_json:
        print_json(summary.import_json())
    else:
        _print_summary(summary)


async def _import(
    settings: Settings, file: Path, agent: str, terms: Terms, dry_run: bool
) -> RegistrySummary:
    upload = Upload.at(file)
    with Progress(
        "{task.description}",
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not Console(stderr=True).is_terminal,
    ) as bar:
        task = bar.add_task(file.name, total=upload.size)
        return await with_connection(
            settings,
            lambda connection: import_registry(
                connection,
                upload,
                agent=agent,
                actor=actor(),
                terms=terms,
                dry_run=dry_run,
                bytes_max=settings.registry_bytes_max,
                progress=lambda done: bar.update(task, completed=done),
            ),
        )


@app.command(help=said("Show a registry as it stands", "Показать состояние реестра"))
def show(
    registry_id: Annotated[int, typer.Argument(metavar="ID", help=said("its number", "номер"))],
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """With open and done mismatches, and where every kopeck stands."""
    try:
        summary = run(with_connection(find_servers(data), lambda link: registry(link, registry_id)))
    except LookupError:
        stop(EXIT_NO, said(f"there is no registry {registry_id}", f"нет реестра {registry_id}"))
    if as_json:
        print_json(summary.show_json())
    else:
        _print_summary(summary)


def _fees(summary: RegistrySummary) -> list[tuple[str, object]]:
    if summary.withheld_kopecks is None or summary.payer_fee_kopecks is None:
        return []
    transfer = summary.computed_total_kopecks - summary.withheld_kopecks
    return [
        (said("payers' fees", "комиссия плательщиков"), Money(summary.payer_fee_kopecks)),
        (said("withheld", "удержано"), Money(summary.withheld_kopecks)),
        (said("to transfer", "к перечислению"), Money(transfer)),
    ]


def _print_summary(summary: RegistrySummary) -> None:
    again = said(" (already imported)", " (уже был принят)") if summary.already_imported else ""
    lines: list[tuple[str, object]] = [
        (said("registry", "реестр"), f"{summary.registry_id or '—'}{again}"),
        (said("format", "формат"), f"{summary.format}, {summary.encoding}"),
        (said("lines", "строк"), summary.lines),
        (said("bad lines", "нечитаемых строк"), summary.bad_lines),
        (said("total", "сумма"), Money(summary.computed_total_kopecks)),
        *_fees(summary),
        (said("matched", "сопоставлено"), summary.matched),
        *summary.mismatches.items(),
        *((f"  {name}", Money(kopecks)) for name, kopecks in summary.buckets.items()),
    ]
    for name, value in lines:
        typer.echo(f"{name:<24}{value!s:>18}")
