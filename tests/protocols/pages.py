"""Writes docs/protocols.md and a page for each protocol, from the code and the vectors.

`python -m tests.protocols.pages`, or `make docs`. tests/protocols/test_pages.py compares.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from server.messages import (
    Command,
    Hold,
    Outcome,
    Pay,
    PaymentAccepted,
    PaymentCancelled,
    PaymentHeld,
    RefusedOutcome,
    SubmitReadings,
)
from server.protocols import Codec, Operation, Response, load
from server.protocols.facts import Facts
from server.refusals import Refusal
from tests.protocols.vectors import Reply, Vector, load_vectors

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_YES, _NO = "yes", "–"
_REPLIES_MAX = 3
_CHARSET = re.compile("charset=([a-z0-9-]+)")
_CONFIDENCE = re.compile(r"^Confidence: (.+?)\n\n", re.MULTILINE | re.DOTALL)
_LANGUAGES = {"xml": "xml", "json": "json"}

INTRODUCTION = """# Protocols

Made of the code and the vectors by `make docs`; a test compares. What each column is read from: the
codec's operations and settings, what its vectors carry, and its *facts*
(`server/protocols/facts.py`). "setting" means that an agent has to have it switched on. How a
payment lives through all of them: [states.md](states.md). How to add one:
[server/protocols/README.md](../server/protocols/README.md).
"""

LEGEND = """
**Repeat**: the code in the answer to a repeated payment; all repeats get the same bytes.
**Breakdown**: a payment may say which service each part of it is for.
**Confidence**: *official*, the network's own text or library; *agreed*, several servers, clients or
tests that know nothing of each other; *partial*, some of it from one place only; *own*, ours, since
nobody has published one. What exactly is how certain, each protocol's README says.

Addresses are checked for every agent, HTTP Basic and a client certificate for those that have them
set ([agents.md](agents.md)); "proof" is what stands in the message besides.
"""

EXAMPLES = """## Examples

Each is a vector and tested byte for byte, like the others in [its folder]({vectors}).
"""


def pages() -> dict[Path, str]:
    """Every page by its place."""
    codecs = load()
    found = {DOCS / "protocols.md": _matrix(codecs)}
    for codec in codecs.values():
        found[DOCS / "protocols" / f"{codec.name}.md"] = _page(codec)
    return found


def write() -> None:
    """Write them, and remove pages of protocols that are no more."""
    (DOCS / "protocols").mkdir(exist_ok=True)
    wanted = pages()
    for path in set((DOCS / "protocols").glob("*.md")) - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")


# --- the matrix -------------------------------------------------------------------------------


def _matrix(codecs: Mapping[str, Codec]) -> str:
    rows = [cells(codec) for codec in codecs.values()]
    heads = list(rows[0])
    lines = [
        "| " + " | ".join(heads) + " |",
        "|---" * len(heads) + "|",
        *("| " + " | ".join(row.values()) + " |" for row in rows),
    ]
    return INTRODUCTION + "\n" + "\n".join(lines) + "\n" + LEGEND


def cells(codec: Codec) -> dict[str, str]:
    """A row of the matrix by its columns."""
    facts = facts_of(codec)
    phases = "two phases" if Operation.HOLD in codec.operations else "one phase"
    return {
        "protocol": f"[`{codec.name}`](protocols/{codec.name}.md)",
        "check": _has(codec, Operation.CHECK),
        "pay": phases,
        "repeat": f"`{codec.duplicate or codec.ok}`",
        "cancel": _has(codec, Operation.CANCEL),
        "status": _has(codec, Operation.STATUS),
        "reconciliation": _has(codec, Operation.STATEMENT),
        "readings": _readings(codec),
        "breakdown": _YES if any(_is_divided(each.meaning) for each in _own(codec)) else _NO,
        "encoding": ", ".join(facts.encodings),
        "money": f"`{facts.money.value}`",
        "proof": ", ".join(proof.value for proof in facts.proofs),
        "confidence": facts.confidence.value,
    }


def facts_of(codec: Codec) -> Facts:
    assert codec.facts is not None, f"{codec.name}: its codec has no facts"
    return codec.facts


def _has(codec: Codec, operation: Operation) -> str:
    if operation not in codec.operations:
        return _NO
    return "setting" if _is_switched(codec, operation.value) else _YES


def _is_switched(codec: Codec, name: str) -> bool:
    return any(each.name == name and each.default == "off" for each in codec.settings)


def _readings(codec: Codec) -> str:
    if not any(_has_readings(vector.meaning) for vector in _own(codec)):
        return _NO
    return "setting" if _is_switched(codec, "readings") else _YES


def _has_readings(meaning: Command | Refusal) -> bool:
    return isinstance(meaning, Pay | Hold | SubmitReadings) and bool(meaning.readings)


def _is_divided(meaning: Command | Refusal) -> bool:
    return isinstance(meaning, Pay | Hold) and bool(meaning.breakdown)


def _own(codec: Codec) -> list[Vector]:
    return [vector for vector in load_vectors() if vector.protocol == codec.name]


# --- a page -----------------------------------------------------------------------------------


def _page(codec: Codec) -> str:
    readme = f"../../server/protocols/{codec.name}/README.md"
    vectors = f"../../tests/vectors/protocols/{codec.name}"
    pieces = [
        f"# {codec.name}: {codec.title}",
        f"Its source, what we chose, what is missing: [README]({readme}).",
        _confidence(codec),
        _facts_table(codec),
        _codes(codec),
        EXAMPLES.format(vectors=vectors).rstrip(),
        *(_example(codec, vector) for vector in examples(codec)),
    ]
    return "\n\n".join(piece for piece in pieces if piece) + "\n"


def _confidence(codec: Codec) -> str:
    text = (ROOT / "server/protocols" / codec.name / "README.md").read_text("utf-8")
    found = _CONFIDENCE.search(text)
    return f"Confidence: {found[1]}" if found else ""


def _facts_table(codec: Codec) -> str:
    rows = [(name, cell) for name, cell in cells(codec).items() if name != "protocol"]
    facts = facts_of(codec)
    secrets = ", ".join(f"`{name}`" for name in facts.secrets) or _NO
    more = ", ".join(f"`{name}`" for name in facts.more_secrets)
    rows.append(("secrets", f"{secrets}; by setting {more}" if more else secrets))
    rows.append(("the network repeats after", _repeatable(codec)))
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {cell} |" for name, cell in rows)


def _repeatable(codec: Codec) -> str:
    codes = sorted(code for code in codec.repeatable if code)
    return ", ".join(f"`{code}`" for code in codes) or "HTTP 503"


def _codes(codec: Codec) -> str:
    """What each refusal is called, by operation where it differs."""
    operations = [operation for operation in Operation if operation in codec.operations]
    lines = ["## Codes", "", f"Success is `{codec.ok}`.", "", "| refusal | code |", "|---|---|"]
    for refusal in Refusal:
        by_code: dict[str, list[str]] = {}
        for operation in operations:
            code = codec.codes[operation, refusal]
            shown = f"`{code.code}`" if code.status == 200 else f"`{code.code}`, HTTP {code.status}"
            by_code.setdefault(shown.replace("``, ", ""), []).append(operation.value)
        if len(by_code) == 1:
            cell = next(iter(by_code))
        else:
            cell = "; ".join(f"{code} ({', '.join(names)})" for code, names in by_code.items())
        lines.append(f"| {refusal.value} | {cell} |")
    return "\n".join(lines)


def examples(codec: Codec) -> Iterator[Vector]:
    """The plainest vector of each operation, and of a request that is not understood."""
    own = _own(codec)
    usual = Counter(_dialect(vector) for vector in own).most_common(1)[0][0]
    for operation in Operation:
        shown = [vector for vector in own if vector.operation is operation]
        if shown:
            yield min(
                shown,
                key=lambda each: (
                    _dialect(each) != usual,
                    each.origin == "own",
                    -min(len(each.replies), _REPLIES_MAX),
                    len(each.case),
                    each.case,
                ),
            )


def _dialect(vector: Vector) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(vector.request.agent.settings.items()))


def _example(codec: Codec, vector: Vector) -> str:
    name = "not understood" if vector.operation is Operation.UNKNOWN else vector.operation.value
    lines = [f"### {name}", "", f"`{vector.case}.toml`; origin: {vector.origin}.", ""]
    lines += [*_fenced(_request_text(codec, vector), "http"), ""]
    if isinstance(vector.meaning, Refusal):
        lines.append(f"is refused as {vector.meaning.value}:")
    else:
        lines.append(f"means `{_shown(vector.meaning)}`.")
    for reply in vector.replies[:_REPLIES_MAX]:
        response = Response(reply.body, "", reply.status)
        lines += ["", f"{_outcome_name(reply.outcome)}:", ""]
        lines += _fenced(_reply_text(codec, vector, reply, response), "http")
    return "\n".join(lines)


def _shown(command: Command) -> str:
    """The command with what it carries; what is empty or None is left out."""
    fields = {
        name: getattr(command, name)
        for name in command.__dataclass_fields__
        if getattr(command, name) not in (None, (), "", 0, False)
    }
    inside = ", ".join(f"{name}={_value(value)}" for name, value in fields.items())
    return f"{type(command).__name__}({inside})"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None or str(value)[:1].isdigit() or str(value)[:1] == "-":
        return str(value)
    said = (getattr(value, name) for name in fields)
    return " ".join(str(each) for each in said if each)


def _outcome_name(outcome: Outcome) -> str:
    match outcome:
        case RefusedOutcome(refusal):
            return f"when it is refused as {refusal.value}"
        case PaymentAccepted() | PaymentHeld() | PaymentCancelled():
            again = ", again" if outcome.repeated else ""
            return f"{type(outcome).__name__} ({outcome.payment.state.value}{again})"
        case _:
            return type(outcome).__name__


def _request_text(codec: Codec, vector: Vector) -> str:
    request = vector.request
    target = f"{request.path}?{request.query}" if request.query else request.path
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if not request.body:
        return "\n".join(lines)
    encoding = request.agent.setting("encoding", facts_of(codec).encodings[0])
    return "\n".join([*lines, "", request.body.decode(encoding, "backslashreplace")])


def _reply_text(codec: Codec, vector: Vector, reply: Reply, response: Response) -> str:
    given = codec.encode(vector.request, reply.outcome)
    charset = _CHARSET.search(given.content_type)
    encoding = charset[1] if charset else facts_of(codec).encodings[0]
    lines = [f"HTTP/1.1 {response.status}", f"Content-Type: {given.content_type}"]
    body = response.body.decode(encoding, "backslashreplace")
    return "\n".join([*lines, "", body]) if body else lines[0]


def _fenced(text: str, language: str) -> list[str]:
    return [f"```{language}", *(line.rstrip() for line in text.splitlines()), "```"]


if __name__ == "__main__":
    write()
