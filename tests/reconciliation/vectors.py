"""Samples of registries with what must be read from them, side by side in tests/vectors.

`python -m tests.reconciliation.vectors` writes the expectations anew; look at the difference.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from server.money import Money
from server.reconciliation.formats import HEAD_BYTES, Entry, Fees, FileRefused, Format, Source, load
from server.reconciliation.intake import Survey

FOLDER = Path(__file__).parents[1] / "vectors" / "registries"


@dataclass(frozen=True, slots=True)
class Vector:
    """A sample and its expectation."""

    form: Format
    file: Path

    @property
    def name(self) -> str:
        return f"{self.form.name}/{self.file.name}"

    @property
    def sheet(self) -> Path:
        return self.file.with_name(self.file.name + ".json")

    def expected(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads(self.sheet.read_text(encoding="utf-8"))
        return loaded

    def file_name(self) -> str:
        """The name under which the sample came, when its own says what it shows."""
        return str(self.expected().get("name", self.file.name))


def load_vectors() -> tuple[Vector, ...]:
    """Every sample of every format."""
    return tuple(
        Vector(form, file)
        for form in load().values()
        for file in sorted((FOLDER / form.name).iterdir())
        if file.suffix != ".json"
    )


def understand(form: Format, name: str, content: bytes, strict: bool) -> dict[str, Any]:
    """What the reader makes of the bytes: encoding and entries, or the refusal."""
    survey = Survey()
    survey.feed(content)
    encoding = survey.encoding(form)
    try:
        entries = list(form.read(Source(name, encoding, (content,)), strict))
    except FileRefused as refused:
        told = {"message": refused.message, "line": refused.line, "column": refused.column}
        return {"encoding": encoding, "refused": told}
    return {"encoding": encoding, "entries": [shown(entry) for entry in entries]}


def claims(content: bytes, name: str) -> set[str]:
    """The formats that claim a file."""
    return {form.name for form in load().values() if form.identify(content[:HEAD_BYTES], name)}


def shown(entry: Entry) -> dict[str, Any]:
    """An entry as JSON: its type, then its fields but for the empty ones."""
    fields = {item.name: _value(getattr(entry, item.name)) for item in dataclasses.fields(entry)}
    return {"type": type(entry).__name__} | {
        name: value for name, value in fields.items() if value not in ("", None, {})
    }


def _value(value: object) -> object:
    match value:
        case Money():
            return str(value)
        case Fees(payer, withheld):
            return {"payer": str(payer), "withheld": str(withheld)}
        case dt.date() | dt.time():
            return value.isoformat()
        case _:
            return value


def rewrite() -> None:
    """Keeps origin, name and strict of each sheet, and writes the rest."""
    for vector in load_vectors():
        kept = {
            key: value
            for key, value in vector.expected().items()
            if key in ("origin", "name", "strict")
        }
        found = understand(
            vector.form, vector.file_name(), vector.file.read_bytes(), kept.get("strict", True)
        )
        text = json.dumps(kept | found, ensure_ascii=False, indent=1)
        vector.sheet.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    rewrite()
