"""What the sync does at full load, in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from loadtests.bench.figures import Spread, paired, spread
from loadtests.bench.goals import Goal, goal_table
from loadtests.bench.sync_run import CHECKS_PER_SECOND, PAYMENTS_PER_SECOND, Bulk, Synced

SEEN_MS, SEEN_OVER_BARE, PER_SECOND, REBUILD_SECONDS, HEALED_SECONDS = 5.0, 3.0, 60_000, 20.0, 5.0
_MILLION = 1_000_000


def sync_goals(synced: Synced) -> tuple[Goal, ...]:
    """The table of the sync. Of the first two rows one is enough."""
    seen = [lag.seen_p99_ms for lag in synced.lags]
    bare = [lag.bare_p99_ms for lag in synced.lags]
    at_full = synced.accounts >= _MILLION
    healed = spread([healing.healed_seconds for healing in synced.healings])
    worst = Spread(healed.high, healed.low, healed.high, healed.rounds)
    return (
        Goal("commit → every worker's answer, p99, ms", SEEN_MS, SEEN_MS, False, spread(seen)),
        Goal(
            "the same ÷ p99 of commit → bare pgoutput read",
            SEEN_OVER_BARE,
            SEEN_OVER_BARE,
            False,
            paired(seen, bare) if all(bare) else None,
        ),
        Goal(
            "a month's run catches up, accounts/s",
            PER_SECOND,
            PER_SECOND,
            True,
            spread([synced.month.per_second]),
        ),
        Goal(
            "rebuild of 1 M accounts into an empty Valkey, s",
            REBUILD_SECONDS,
            REBUILD_SECONDS,
            False,
            spread([synced.rebuild.seconds]) if at_full else None,
        ),
        Goal("healed after a fault, s, the longest", HEALED_SECONDS, HEALED_SECONDS, False, worst),
        Goal("wrong answers, unseen payments", 0, 0, False, spread([_wrong(synced)])),
        Goal(
            "answers that say try later, during run and rebuild",
            0,
            0,
            False,
            spread([synced.month.checks.later + synced.rebuild.checks.later]),
        ),
    )


def sync_section(synced: Synced) -> str:
    """Goals, then what was found, row by row."""
    return "\n\n".join(
        (
            _INTRO.format(
                accounts=synced.accounts, payments=PAYMENTS_PER_SECOND, checks=CHECKS_PER_SECOND
            ),
            goal_table(sync_goals(synced)),
            _lags(synced),
            _bulks(synced),
            _healings(synced),
        )
    )


_INTRO = """\
### The sync

{accounts:,} accounts; two workers, the sync, PostgreSQL, Valkey and whoever asks share both cores.
From commit to answer: charges by SQL, one after the other, while {payments:,} payments a second are
committed that nobody but the feed tells of; time counts from when the committer knew, until every
worker's answer over HTTP showed it. The bare read is that of a second slot, by a process that does
nothing else. One of the first two goals is enough. The month's run charges everybody in one
transaction and counts from its commit; the rebuild begins with FLUSHALL. Beside both go {checks:,}
checks a second, beside the faults 1,000, and every answer is judged."""


def _lags(synced: Synced) -> str:
    lags = synced.lags
    lines = [
        "| from commit to | p50, ms | p99, ms |",
        "|---|---|---|",
        _lag_row("bare pgoutput read", [(lag.bare_p50_ms, lag.bare_p99_ms) for lag in lags]),
        _lag_row("every worker's answer", [(lag.seen_p50_ms, lag.seen_p99_ms) for lag in lags]),
    ]
    probes, rate = (
        sum(lag.probes for lag in lags),
        spread([lag.payments_per_second for lag in lags]),
    )
    lines += ["", f"{probes:,} charges; {rate.median:,.0f} payments a second were committed."]
    return "\n".join(lines)


def _lag_row(name: str, figures: Sequence[tuple[float, float]]) -> str:
    middles, lates = (spread([each[at] for each in figures]).shown(2) for at in (0, 1))
    return f"| {name} | {middles} | {lates} |"


def _bulks(synced: Synced) -> str:
    heads = ("with checks beside it", "s", "accounts/s", "checks/s", "wrong", "try later")
    lines = [
        *_head(*heads, "p99 of checks, ms", "CPU an account, µs"),
        _bulk_row("month's run", synced.month),
        _bulk_row("rebuild", synced.rebuild),
    ]
    return "\n".join(lines)


def _bulk_row(name: str, bulk: Bulk) -> str:
    checks = bulk.checks
    used = ", ".join(f"{who} {cpu:.1f}" for who, cpu in bulk.cpu_us.items())
    return (
        f"| {name} | {bulk.seconds:.1f} | {bulk.per_second:,.0f} | {checks.rate:,.0f}"
        f" | {checks.wrong} | {checks.later} | {checks.latencies_us['p99'] / 1000:.1f} | {used} |"
    )


def _healings(synced: Synced) -> str:
    heads = ("fault", "healed after, s", "complete after, s", "checks", "wrong", "try later")
    lines = [*_head(*heads, "payments", "said again", "unseen")]
    for each in synced.healings:
        checks, payments = each.checks, each.payments
        lines.append(
            f"| {each.fault} | {each.healed_seconds:.2f} | {each.complete_seconds:.1f}"
            f" | {checks.answers:,} | {checks.wrong} | {checks.later + payments['later']}"
            f" | {payments['payments']} | {payments['repeated']} | {payments['stale']} |"
        )
    lines += [
        "",
        (
            "Healed: a charge made after the component's return is shown by every worker. Complete:"
            " Valkey holds every account again, and misses are final without PostgreSQL."
        ),
    ]
    return "\n".join(lines)


def _head(*names: str) -> tuple[str, str]:
    return "| " + " | ".join(names) + " |", "|" + "---|" * len(names)


def _wrong(synced: Synced) -> int:
    bulks = synced.month.checks.wrong + synced.rebuild.checks.wrong
    return bulks + sum(each.checks.wrong + each.payments["stale"] for each in synced.healings)
