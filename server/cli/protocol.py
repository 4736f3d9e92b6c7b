"""`kvitok protocol new`: the folder, the first vectors and the README of another protocol."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from server import protocols
from server.cli.context import EXIT_USAGE, said, stop

app = typer.Typer(help=said("Protocols", "Протоколы"), no_args_is_help=True)
_NAME = re.compile(r"[a-z][a-z0-9_]{1,29}")
_TEMPLATE = Path(__file__).with_name("protocol_template")
_SUFFIX = ".txt"


@app.callback()
def _group() -> None:
    """Keeps `new` a command of its own, though it is the only one."""


@app.command(help=said("Begin another protocol", "Начать новый протокол"))
def new(
    name: Annotated[str, typer.Argument(help=said("its folder", "имя папки"))],
    title: Annotated[str, typer.Option(help=said("for people", "название"))] = "",
) -> None:
    """Writes a protocol that works and passes the tests of all; the source's words come after."""
    folder = Path(protocols.__file__).parent / name
    vectors = folder.parents[2] / "tests/vectors/protocols" / name
    if _NAME.fullmatch(name) is None:
        stop(EXIT_USAGE, said("a name is a-z, 0-9 and _", "имя: a-z, 0-9 и _"))
    if not vectors.parent.is_dir():
        stop(EXIT_USAGE, said("only in a copy of the sources", "только в исходном коде"))
    if folder.exists() or vectors.exists():
        stop(EXIT_USAGE, said(f"{name} is there already", f"{name} уже есть"))
    for path in sorted(_TEMPLATE.rglob(f"*{_SUFFIX}")):
        home = vectors if path.parent.name == "vectors" else folder
        home.mkdir(exist_ok=True)
        text = path.read_text(encoding="utf-8")
        made = home / path.name.removesuffix(_SUFFIX)
        made.write_text(text.replace("@name@", name).replace("@title@", title or name), "utf-8")
        typer.echo(made.relative_to(folder.parents[2]))
    typer.echo(
        said(
            "next: make docs, then pytest tests/test_protocols.py"
            " tests/protocols/test_agents_side.py",
            "дальше: make docs, затем pytest tests/test_protocols.py"
            " tests/protocols/test_agents_side.py",
        )
    )
