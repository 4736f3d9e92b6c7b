"""Writes a «пачка оплат» with planted faults, and the key to it.

Written from the format's description alone: it shares no module with the reader, the matcher or
anything else of the server, so that both cannot be wrong in the same way. The key says what a
correct import must find; it is on disk before the file is imported.

    python tests/generators/pack.py --payments payments.json --out pack.txt --key key.json \
        --unknown-account 3 --other-sum 3 --duplicate 2 --missing 4 --bad-line 2 --wrong-total

`payments.json` is what `kvitok payment list --json` prints. With `--own-numbers` the receipts are
the agent's payment ids (the agent reports on its own payments); without, the receipts are fresh
(the payments reached the biller through other agents).
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment that the biller has recorded."""

    account: str
    kopecks: int
    day: dt.date
    number: str


@dataclass(frozen=True, slots=True)
class Faults:
    """How many of each are planted."""

    unknown_account: int = 0
    other_account: int = 0
    other_sum: int = 0
    other_date: int = 0
    duplicate: int = 0
    missing: int = 0
    not_recorded: int = 0
    closed_account: int = 0
    bad_line: int = 0
    wrong_total: bool = False


@dataclass(frozen=True, slots=True)
class Shape:
    """How the file is written."""

    version: str = "!1.00"
    encoding: str = "cp1251"
    packs: int = 1
    """More than one makes a combined pack."""
    number: int = 1
    origin: str = "Банк Пример"
    own_numbers: bool = True
    first_receipt: int = 500_000_001


@dataclass(slots=True)
class Key:
    """What a correct import finds."""

    lines: int = 0
    bad_lines: int = 0
    declared_total_kopecks: int = 0
    computed_total_kopecks: int = 0
    matched: int = 0
    mismatches: dict[str, int] = field(default_factory=dict)
    buckets: dict[str, int] = field(default_factory=dict)
    planted: list[dict[str, str]] = field(default_factory=list)
    """What was planted where: fault, kind, receipt."""

    def expect(self, kind: str, fault: str, receipt: str) -> None:
        self.mismatches[kind] = self.mismatches.get(kind, 0) + 1
        self.planted.append({"fault": fault, "kind": kind, "receipt": receipt})

    def put(self, bucket: str, kopecks: int) -> None:
        if kopecks:
            self.buckets[bucket] = self.buckets.get(bucket, 0) + kopecks
            self.computed_total_kopecks += kopecks


@dataclass(slots=True)
class _Row:
    receipt: str
    account: str
    kopecks: int
    day: dt.date
    broken: bool = False


def generate(
    payments: Sequence[Paid],
    day: dt.date,
    *,
    shape: Shape,
    faults: Faults,
    accounts: Sequence[str],
    closed_accounts: Sequence[str] = (),
    seed: int = 1,
) -> tuple[bytes, Key]:
    """The file and its key. `accounts` are active ones to pay to; sums are unlike real ones."""
    chance = random.Random(seed)
    key = Key()
    rows: list[_Row] = []
    order = list(payments)
    chance.shuffle(order)
    todo = _todo(faults)
    for place, paid in enumerate(order):
        receipt = paid.number if shape.own_numbers else str(shape.first_receipt + place)
        row = _Row(receipt, paid.account, paid.kopecks, paid.day)
        fault = todo.pop() if todo else ""
        rows += _plant(fault, row, key, shape, accounts, chance)
    rows += _extra(faults, key, shape, accounts, closed_accounts, day, len(order))
    chance.shuffle(rows)
    key.lines = len(rows)
    return _write(rows, day, shape, faults, key), key


def _todo(faults: Faults) -> list[str]:
    counts = {
        "unknown_account": faults.unknown_account,
        "other_account": faults.other_account,
        "other_sum": faults.other_sum,
        "other_date": faults.other_date,
        "duplicate": faults.duplicate,
        "missing": faults.missing,
        "bad_line": faults.bad_line,
    }
    return [name for name, count in counts.items() for _ in range(count)]


def _plant(
    fault: str, row: _Row, key: Key, shape: Shape, accounts: Sequence[str], chance: random.Random
) -> list[_Row]:
    own = shape.own_numbers
    true = row.kopecks
    match fault:
        case "missing":
            if own:
                key.expect("NOT_IN_REGISTRY", fault, row.receipt)
            return []
        case "unknown_account":
            row.account = f"77{chance.randrange(10**8):08d}"
            key.expect("UNIDENTIFIED", fault, row.receipt)
            key.put("unidentified", true)
        case "other_account":
            row.account = next(other for other in accounts if other != row.account)
            key.expect("ACCOUNT_DIFFERS" if own else "NOT_RECORDED", fault, row.receipt)
            key.put("pending", true)
        case "other_sum":
            row.kopecks += chance.choice((-7, 1_00_13))
            key.expect("AMOUNT_DIFFERS" if own else "NOT_RECORDED", fault, row.receipt)
            online = min(true, row.kopecks) if own else 0
            key.put("already_online", online)
            key.put("pending", row.kopecks - online)
        case "other_date":
            row.day -= dt.timedelta(days=45)
            key.expect("DATE_DIFFERS" if own else "NOT_RECORDED", fault, row.receipt)
            key.put("already_online" if own else "pending", true)
        case "bad_line":
            row.broken = True
            key.bad_lines += 1
            key.expect("BAD_LINE", fault, row.receipt)
            key.put("pending", true)
        case _:
            key.matched += 1
            key.put("already_online", true)
    if fault == "duplicate":
        key.expect("DUPLICATE_LINE", fault, row.receipt)
        key.put("pending", true)
        return [row, _Row(row.receipt, row.account, row.kopecks, row.day)]
    return [row]


def _extra(
    faults: Faults,
    key: Key,
    shape: Shape,
    accounts: Sequence[str],
    closed_accounts: Sequence[str],
    day: dt.date,
    used: int,
) -> list[_Row]:
    """Rows for payments that nobody has recorded."""
    rows = []
    wanted = [("NOT_RECORDED", "not_recorded", accounts[i % len(accounts)])
              for i in range(faults.not_recorded)]  # fmt: skip
    wanted += [("CLOSED_ACCOUNT", "closed_account", closed_accounts[i % len(closed_accounts)])
               for i in range(faults.closed_account)]  # fmt: skip
    for place, (kind, fault, account) in enumerate(wanted):
        row = _Row(str(shape.first_receipt + used + place), account, 9_871_003 + 7 * place, day)
        key.expect(kind, fault, row.receipt)
        key.put("pending", row.kopecks)
        rows.append(row)
    return rows


def _write(rows: list[_Row], day: dt.date, shape: Shape, faults: Faults, key: Key) -> bytes:
    key.declared_total_kopecks = sum(row.kopecks for row in rows)
    if faults.wrong_total:
        key.declared_total_kopecks += 100
        key.expect("TOTAL_DIFFERS", "wrong_total", "")
    size = -(-len(rows) // shape.packs) or 1
    packs = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]
    lines = []
    if shape.packs > 1:
        lines.append(
            f"***|{shape.origin}|РЦ7|{shape.number}|{day:%d.%m.%Y}|18:30:00|{day:%d.%m.%Y}|"
            f"{len(packs)}|0.00|{_roubles(key.declared_total_kopecks)}|0|0.00|{shape.version}|"
        )
    for place, pack in enumerate(packs, start=1):
        total = sum(row.kopecks for row in pack)
        if shape.packs == 1:
            total = key.declared_total_kopecks
        number = shape.number if shape.packs == 1 else place
        lines.append(
            f"###|{shape.origin}|РЦ7|{number}|{day:%d.%m.%Y}|{day:%d.%m.%Y}|{len(pack)}|0.00|"
            f"{_roubles(total)}|0|0.00|0|{shape.version}|"
        )
        lines += [_row_text(row) for row in pack]
    return "".join(line + "\r\n" for line in lines).encode(shape.encoding)


def _row_text(row: _Row) -> str:
    date = "31.02.2026" if row.broken else f"{row.day:%d.%m.%Y}"
    return (
        f"@@@|{row.receipt}|УК12|33|2|{row.account}|{date}|01.{row.day:%m.%Y}|0000|0.00|"
        f"{_roubles(row.kopecks)}|0|0|0|0.00||"
    )


def _roubles(kopecks: int) -> str:
    sign = "-" if kopecks < 0 else ""
    return f"{sign}{abs(kopecks) // 100}.{abs(kopecks) % 100:02d}"


def read_payments(path: Path, zone_hours: int = 3) -> list[Paid]:
    """From the JSON of `kvitok payment list`; the day is the local date of the payment."""
    zone = dt.timezone(dt.timedelta(hours=zone_hours))
    return [
        Paid(
            item["account"],
            item["amount_kopecks"],
            dt.datetime.fromisoformat(item["paid_at"]).astimezone(zone).date(),
            item["agent_payment_id"],
        )
        for item in json.loads(path.read_text(encoding="utf-8"))
        if item["state"] == "credited"
    ]


def invent(count: int, day: dt.date, seed: int = 1) -> list[Paid]:
    """Payments that nobody made, for a look at the format."""
    chance = random.Random(seed)
    return [
        Paid(str(1_000_001 + place), chance.randrange(100, 1_500_000), day, str(10_001 + place))
        for place in range(count)
    ]


def main() -> None:
    """Write the key, then the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--payments", type=Path)
    parser.add_argument("--invent", type=int, default=0)
    parser.add_argument("--day", type=dt.date.fromisoformat)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encoding", default="cp1251")
    parser.add_argument("--version", default="!1.00")
    parser.add_argument("--packs", type=int, default=1)
    parser.add_argument("--number", type=int, default=1)
    parser.add_argument("--own-numbers", action="store_true")
    parser.add_argument("--wrong-total", action="store_true")
    parser.add_argument("--closed-with", action="append", default=[])
    for name in _todo_names():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=0)
    given = parser.parse_args()
    payments = read_payments(given.payments) if given.payments else []
    day = given.day or max((paid.day for paid in payments), default=dt.date(2026, 1, 15))
    payments = payments or invent(given.invent, day, given.seed)
    content, key = generate(
        payments,
        day,
        shape=Shape(
            given.version,
            given.encoding,
            given.packs,
            given.number,
            own_numbers=given.own_numbers,
        ),
        faults=Faults(
            **{name: getattr(given, name) for name in _todo_names()}, wrong_total=given.wrong_total
        ),
        accounts=sorted({paid.account for paid in payments}),
        closed_accounts=given.closed_with or ["9000001"],
        seed=given.seed,
    )
    given.key.write_text(json.dumps(asdict(key), ensure_ascii=False, indent=1), encoding="utf-8")
    given.out.write_bytes(content)


def _todo_names() -> tuple[str, ...]:
    return tuple(name for name in Faults.__dataclass_fields__ if name != "wrong_total")


if __name__ == "__main__":
    main()
