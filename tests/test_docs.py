"""What is written for people says what the code does: tables, settings, commands, links."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.test_layers import LAYERS, OBSERVING

ROOT = Path(__file__).resolve().parents[1]
READMES = ("README.md", "README.ru.md")
DOCS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md"))
PAGES = [*READMES, "CHANGELOG.md", *DOCS]
PROTOCOLS = sorted(p.parent.name for p in (ROOT / "server/protocols").glob("*/codec.py"))

TOKEN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)#]+)[^)]*\)|(?:src|srcset)=\"([^\"]+)\"")


def read(name: str) -> str:
    """A text file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def table(text: str, *first_heads: str) -> dict[str, list[str]]:
    """The table whose first column is headed so: first backticked name of each row -> cells."""
    rows: dict[str, list[str]] = {}
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0].lower() in first_heads:
            inside = True
        elif inside and (name := TOKEN.search(cells[0])):
            rows[name[1]] = cells[1:]
    return rows


def section(text: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level; empty without it."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", text, re.M | re.S)
    return found[1].strip() if found else ""


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command of the command line with the names of its arguments and options."""
    import typer.main

    from server.__main__ import app

    def walk(prefix: str, command: Any) -> Iterator[tuple[str, list[str]]]:
        inner = getattr(command, "commands", None)
        if inner is None:
            shown = [p.opts[0] if p.opts[0][0] == "-" else _argument(p) for p in command.params]
            yield prefix, [name for name in shown if name != "--help"]
            return
        for name, child in inner.items():
            yield from walk(f"{prefix} {name}", child)

    return walk("kvitok", typer.main.get_command(app))


def _argument(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name).upper()


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_the_protocols_there_are(readme: str) -> None:
    from server.protocols import load

    assert set(table(read(readme), "protocol", "протокол")) == set(load())


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_the_registry_formats_there_are(readme: str) -> None:
    from server.reconciliation.formats import load

    assert set(table(read(readme), "format", "формат")) == set(load())


def test_every_setting_is_documented_with_its_default() -> None:
    from server.config import PREFIX, Settings

    rows = table(read("docs/settings.md"), "variable")
    documented = {name: cells[0].strip("`") for name, cells in rows.items()}
    assert documented == {
        f"{PREFIX}{name.upper()}": "" if field.default == "" else str(field.default)
        for name, field in Settings.model_fields.items()
    }


def test_every_setting_is_asked_for_somewhere() -> None:
    from server.config import Settings

    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "server").rglob("*.py"))
    asked = set(re.findall(r"\bsettings\.([a-z_]+)", code))
    asked |= set(re.findall(r"\bself\.([a-z_]+)", read("server/config.py")))
    assert [name for name in Settings.model_fields if name not in asked] == []


def test_every_command_is_documented_with_its_options() -> None:
    text = read("docs/commands.md")
    known = dict(commands())
    assert set(re.findall(r"^## (kvitok .+)$", text, re.M)) == set(known)
    for command, names in known.items():
        written = set(TOKEN.findall(section(text, f"## {command}")))
        assert [name for name in names if name not in written] == [], command


def test_the_contract_names_every_command() -> None:
    text = read("docs/contract.md")
    names = [command.removeprefix("kvitok ") for command, _ in commands()]
    assert [name for name in names if f"`{name}" not in text] == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("heading", ["## Source", "## Not supported"])
def test_a_protocol_names_its_source_and_what_it_leaves_out(protocol: str, heading: str) -> None:
    assert section(read(f"server/protocols/{protocol}/README.md"), heading)


def test_every_dependency_is_explained() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    wanted = {"core": project["dependencies"], **project["optional-dependencies"]}
    names = {re.split(r"[\[<>=~ ]", w)[0] for group in wanted.values() for w in group} - {"kvitok"}
    explained = table(read("docs/dependencies.md"), "package")
    assert set(explained) == names
    assert [name for name, cells in explained.items() if not all(cells)] == []


def test_every_dependency_is_pinned() -> None:
    lines = [line for line in read("constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in lines}
    assert set(table(read("docs/dependencies.md"), "package")) - pinned == set()


def test_the_layers_of_the_architecture_page_are_those_enforced() -> None:
    rows = table(read("docs/architecture.md"), "layer")
    written = {
        name: (set(TOKEN.findall(cells[0])), set(TOKEN.findall(cells[1])))
        for name, cells in rows.items()
    }
    assert written == {
        name: (_areas(layer.server), set(layer.packages - OBSERVING))
        for name, layer in LAYERS.items()
    }


def _areas(prefixes: tuple[str, ...]) -> set[str]:
    words = LAYERS["words"].server
    return {"words" if prefix in words else prefix for prefix in prefixes}


@pytest.mark.parametrize("page", PAGES)
def test_no_link_of_a_page_is_dead(page: str) -> None:
    targets = [a or b for a, b in LINK.findall(read(page))]
    inner = [target for target in targets if "://" not in target]
    assert [t for t in inner if not ((ROOT / page).parent / t).exists()] == []


# The readers of pages themselves.


def test_a_table_is_read_by_the_head_of_its_first_column() -> None:
    rule = "|---|---|"
    text = f"| protocol | x |\n{rule}\n| `a` | 1 |\n| `b` c | 2 |\n\n| other | x |\n{rule}"
    assert table(text, "protocol") == {"a": ["1"], "b": ["2"]}
    assert table(text, "format") == {}


def test_a_section_ends_at_the_next_heading_of_its_level() -> None:
    text = "# T\n## A\none\n### B\ntwo\n## C\nthree\n"
    assert section(text, "## A") == "one\n### B\ntwo"
    assert section(text, "## C") == "three"
    assert section(text, "## D") == ""


def test_links_and_pictures_are_found() -> None:
    text = '[a](docs/x.md#part) <img src="docs/y.svg"> [b](https://example.org)'
    found = [link or picture for link, picture in LINK.findall(text)]
    assert found == ["docs/x.md", "docs/y.svg", "https://example.org"]
