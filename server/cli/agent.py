"""`kvitok agent …`: what concerns one agent."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from server.agents import Agent
from server.cli import agent_change, agent_secret, agent_show
from server.cli.context import (
    EXIT_NO,
    DataOption,
    find_servers,
    run,
    said,
    stop,
    with_connection,
)
from server.protocols import load
from server.sealing import Untouched
from server.storage.agents import agents

app = typer.Typer(help=said("Agents", "Агенты"), no_args_is_help=True)
app.add_typer(agent_secret.app, name="secret")
app.command("list", help=said("Agents and what they did today", "Агенты и их сегодняшний день"))(
    agent_show.list_agents
)
app.command("show", help=said("One agent", "Один агент"))(agent_show.show)
app.command("set", help=said("Change an agent", "Изменить агента"))(agent_change.change)
app.command("pause", help=said("Pause an agent at once", "Сразу приостановить агента"))(
    agent_change.pause
)
app.command("resume", help=said("End a pause", "Возобновить работу агента"))(agent_change.resume)


@app.command(
    help=said(
        "Write the files that the agent's network is handed before the start",
        "Записать файлы, которые передаются сети агента перед подключением",
    )
)
def files(
    name: Annotated[str, typer.Argument(metavar="AGENT", help=said("agent", "агент"))],
    directory: Annotated[
        Path, typer.Argument(help=said("where to put them", "куда записать"), file_okay=False)
    ],
    data: DataOption = None,
) -> None:
    """Made from the agent's settings, so they say what the server does."""
    agent = run(with_connection(find_servers(data), lambda link: agents(link, Untouched()))).get(
        name
    )
    if agent is None:
        stop(EXIT_NO, said(f"there is no agent {name}", f"нет агента {name}"))
    written = write_files(agent, directory)
    if not written:
        stop(EXIT_NO, said(f"{agent.protocol} has no such files", f"у {agent.protocol} их нет"))
    for path in written:
        typer.echo(path)


def write_files(agent: Agent, directory: Path) -> list[Path]:
    """The paths of what was written; none when the agent's protocol has no such files."""
    codec = load().get(agent.protocol)
    makers = codec.files if codec else {}
    written = []
    for name, make in makers.items():
        directory.mkdir(parents=True, exist_ok=True)
        path = directory / name
        path.write_bytes(make(agent))
        written.append(path)
    return written
