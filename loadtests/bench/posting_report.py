"""What payments cost, in Markdown."""

from __future__ import annotations

from loadtests.bench import posting_run as rows
from loadtests.bench.figures import Spread, paired, spread
from loadtests.bench.goals import Goal, goal_table
from loadtests.bench.load import Sample
from loadtests.bench.posting_run import Posting


def posting_goals(posting: Posting) -> tuple[Goal, ...]:
    """The table of posting."""
    core, one = posting.per_second(rows.CORE_MANY), posting.per_second(rows.ONE_MANY)
    batch = posting.per_second(rows.BATCH)
    few, one_few = posting.median_ms(rows.CORE_FEW), posting.median_ms(rows.ONE_FEW)
    return (
        Goal("256 payers: payments/s ÷ one transaction each", 4.5, 6.5, True, paired(core, one)),
        Goal(
            f"256 payers: payments/s ÷ a batch of 256 ({posting.batch_by})",
            0.55,
            0.8,
            True,
            paired(core, batch),
        ),
        Goal("32 payers: p50 ÷ one transaction each", 1.0, 1.0, False, paired(few, one_few)),
        Goal(
            "over HTTP: server + PostgreSQL CPU per payment ÷ aiohttp with one transaction",
            0.45,
            0.45,
            False,
            _http_ratio(posting),
        ),
    )


def posting_section(posting: Posting) -> str:
    """Goals, then rows, then what is not alike."""
    core = [
        "| row | payments/s | p50, ms | p99, ms |",
        "|---|---|---|---|",
        *(_core_row(posting, name) for name in posting.core),
    ]
    http = [
        "| over HTTP | server + PostgreSQL CPU, µs | payments/s | Valkey's CPU, µs |",
        "|---|---|---|---|",
        *(_http_row(name, samples) for name, samples in posting.http.items()),
    ]
    intro = (
        f"### Payments\n\nfsync on, PostgreSQL on the servers' core, payers on the other, accounts"
        f" uniform over {posting.accounts:,}. The baseline writes the same rows (key, payment,"
        " event, paid lane) in one transaction with prepared statements on 32 connections; the"
        " batch is one statement that writes the same tables and asks and checks nothing."
    )
    later = spread(posting.later_us).shown()
    not_alike = (
        "Ten seconds after a payment the janitor allocates it to charges, and writes rows that the"
        f" peer never does: {later} µs of ours for each, in the row above, not in the figure.\n\n"
        "Not like for like: ours finds repeats and conflicts, looks at the account's state, share"
        " locks the business day, tells Valkey and all workers before it answers and feeds the"
        " change log to the sync, whose CPU and whose share in PostgreSQL's are counted; the"
        " others do nothing of that."
    )
    return "\n\n".join(
        (intro, goal_table(posting_goals(posting)), "\n".join(core), "\n".join(http), not_alike)
    )


def _http_ratio(posting: Posting) -> Spread:
    """Of taking payments; what is done with them later writes rows that the peer never does."""
    costs = zip(posting.http[rows.OURS_HTTP], posting.later_us, strict=True)
    theirs = [sample.cost_us for sample in posting.http[rows.PEER_HTTP]]
    return paired([sample.cost_us - later for sample, later in costs], theirs)


def _core_row(posting: Posting, name: str) -> str:
    rate = spread(posting.per_second(name))
    waits = " | – | –"
    if name != rows.BATCH:
        p99 = spread([figures["p99_ms"] for figures in posting.core[name]])
        waits = f" | {spread(posting.median_ms(name)).shown()} | {p99.shown()}"
    return f"| {name} | {rate.median:,.0f} ({rate.low:,.0f}–{rate.high:,.0f}){waits} |"


def _http_row(name: str, samples: list[Sample]) -> str:
    cost, rate = spread([s.cost_us for s in samples]), spread([s.rate for s in samples])
    store = spread([s.store_cost_us for s in samples]).median
    return f"| {name} | {cost.shown()} | {rate.median:,.0f} | {store:.1f} |"
