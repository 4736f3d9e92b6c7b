"""`kvitok agent secret …`: from files or stdin, not the command line; two sets valid at a time."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

from server.agent_faults import secret_names
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
from server.protocols import load, signatures
from server.sealing import FileSealer
from server.storage.agent_secrets import Sets, put_secret, retire_secrets, secret_sets
from server.storage.agents import agents
from server.storage.connection import Connection
from server.transport.admission import BASIC_LOGIN

app = typer.Typer(help=said("Secrets of an agent", "Секреты агента"), no_args_is_help=True)
_BYTES_MAX = 16_384
T = TypeVar("T")

AgentArgument = Annotated[str, typer.Argument(metavar="AGENT", help=said("agent", "агент"))]


@app.command("set", help=said("Set a secret from a file or stdin", "Задать секрет из файла"))
def set_secret(
    agent: AgentArgument,
    name: Annotated[str, typer.Argument(help=said("what it is called", "название"))],
    file: Annotated[
        Path | None,
        typer.Option(
            help=said("file with it; without one, stdin", "файл; без него — stdin"),
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    data: DataOption = None,
) -> None:
    """Replacing one keeps what was valid as a second set, until `retire`."""
    value = _value(file.read_bytes() if file else sys.stdin.buffer.read())
    found = _on(data, agents).get(agent)
    if found is None:
        _no_agent(agent)
    known = secret_names(found, load())
    if name not in known:
        names = ", ".join(known)
        stop(EXIT_USAGE, said(f"{agent} has only: {names}", f"у {agent} есть только: {names}"))
    if fault := _fault(name, value):
        stop(EXIT_USAGE, fault)
    sets = _on(data, lambda link, sealer: put_secret(link, sealer, agent, name, value, actor()))
    typer.echo(said(f"{name} of {agent} is set", f"{name} агента {agent} задан"))
    _remind(agent, sets or ())


@app.command("list", help=said("Names of an agent's secrets", "Названия секретов агента"))
def list_secrets(
    agent: AgentArgument, data: DataOption = None, as_json: JsonOption = False
) -> None:
    """Names only, a list for each valid set, the current one first."""
    sets = _on(data, lambda link, sealer: secret_sets(link, sealer, agent))
    if sets is None:
        _no_agent(agent)
    names = [sorted(each) for each in sets]
    if as_json:
        print_json({"agent": agent, "sets": names})
        return
    for each in names:
        typer.echo(", ".join(each))
    _remind(agent, sets)


@app.command(help=said("Let only the current set be valid", "Оставить только новый набор"))
def retire(agent: AgentArgument, data: DataOption = None) -> None:
    """Ends a rotation: what the agent used before is refused from now on."""
    if _on(data, lambda link, sealer: retire_secrets(link, sealer, agent, actor())) is None:
        _no_agent(agent)
    typer.echo(said(f"one set is valid for {agent}", f"у {agent} действует один набор"))


def _on(data: Path | None, work: Callable[[Connection, FileSealer], Awaitable[T]]) -> T:
    settings = find_servers(data)
    if not settings.installation_key:
        stop(EXIT_USAGE, said("set KVITOK_INSTALLATION_KEY", "задайте KVITOK_INSTALLATION_KEY"))
    try:
        sealer = FileSealer.from_text(settings.installation_key)
        return run(with_connection(settings, lambda link: work(link, sealer)))
    except ValueError as error:
        stop(EXIT_NO, str(error))


def _value(content: bytes) -> str:
    """The secret without the line end that editors and `echo` put behind it."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        stop(EXIT_USAGE, said("a secret is text in UTF-8", "секрет — текст в UTF-8"))
    if "\n" not in text.rstrip("\r\n"):
        text = text.rstrip("\r\n")
    if not text.strip() or len(content) > _BYTES_MAX:
        stop(EXIT_USAGE, said("no secret, or far too long", "секрета нет или он слишком длинный"))
    return text


def _fault(name: str, value: str) -> str:
    if name == BASIC_LOGIN and ":" in value:
        return said("a login has no colon", "в логине не бывает двоеточия")
    return signatures.key_fault(name, value)


def _remind(agent: str, sets: Sets) -> None:
    if len(sets) > 1:
        typer.echo(
            said(
                f"both sets are valid; to end the old one: kvitok agent secret retire {agent}",
                f"действуют оба набора; отменить старый: kvitok agent secret retire {agent}",
            )
        )


def _no_agent(agent: str) -> NoReturn:
    stop(EXIT_NO, said(f"there is no agent {agent}", f"нет агента {agent}"))
