"""`kvitok staff …`: the people of the office."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

from server.api.passwords import password_hash
from server.cli.context import DataOption, find_servers, run, said, with_connection
from server.staff import Role, Staff
from server.storage.staff import add_staff

app = typer.Typer(help=said("People of the office", "Сотрудники"), no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `add` a command of its own."""


@app.command(help=said("Let a person in", "Завести сотрудника"))
def add(
    login: Annotated[str, typer.Argument(help=said("log-in name", "имя для входа"))],
    name: Annotated[str, typer.Option(help=said("full name", "имя и фамилия"))],
    role: Annotated[Role, typer.Option(help=said("what they are", "роль"))],
    password_file: Annotated[
        Path | None,
        typer.Option(help=said("file with the password", "файл с паролем"), exists=True),
    ] = None,
    data: DataOption = None,
) -> None:
    """Without a file a password is made and printed once."""
    password = (
        password_file.read_text(encoding="utf-8").strip()
        if password_file
        else secrets.token_urlsafe(12)
    )
    person = Staff(login, name, role)
    hashed = password_hash(password)
    run(with_connection(find_servers(data), lambda link: add_staff(link, person, hashed)))
    if password_file is None:
        typer.echo(said(f"password: {password}", f"пароль: {password}"))
