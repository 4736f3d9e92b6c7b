"""Writes a run into docs/performance.md, between two marks, with its pictures in docs/img."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtests.bench import names, shapes
from loadtests.bench.figures import spread
from loadtests.bench.goals import costs, goal_table, lookup_goals, why_it_does_not_count
from loadtests.bench.load import Sample
from loadtests.bench.lookups import HALF, STEADY, Lookups
from loadtests.bench.memory_run import Memory, memory_section
from loadtests.bench.posting_report import posting_section
from loadtests.bench.posting_run import Posting
from loadtests.bench.rounds import Samples
from loadtests.bench.sizes import ASKED, CACHED, Sizes
from loadtests.bench.svg import Bar, bars
from loadtests.bench.sync_report import sync_section
from loadtests.bench.sync_run import Synced
from loadtests.bench.warming import SHARE

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
COSTS_PICTURE, LATENCY_PICTURE = "bench-cost.svg", "bench-latency.svg"
_SHARES = ("p50", "p99", "p99.9")


@dataclass(frozen=True, slots=True)
class Run:
    """Everything that a run found; what was not run is None."""

    machine: Mapping[str, str]
    generator: str
    cores_are_apart: bool
    load_averages: tuple[float, ...]
    """Before the run and after each part; what the bench itself does is about 2."""
    accounts: int
    lookups: Lookups | None
    sizes: Sizes | None
    posting: Posting | None
    synced: Synced | None = None
    memory: Memory | None = None


def section(run: Run) -> str:
    """The generated part, in Markdown."""
    parts = [_heading(run)]
    if run.lookups is not None:
        parts += _lookup_parts(run, run.lookups)
    if run.sizes is not None:
        parts.append(_sizes(run.sizes))
    if run.memory is not None:
        parts.append(memory_section(run.memory))
    if run.posting is not None:
        parts.append(posting_section(run.posting))
    if run.synced is not None:
        parts.append(sync_section(run.synced))
    return "\n\n".join(parts) + "\n"


def pictures(run: Run) -> dict[str, str]:
    """File name to SVG."""
    if run.lookups is None:
        return {}
    samples = run.lookups.samples
    rows = [
        Bar(name, spread(costs(samples, name)), name.startswith("kvitok"))
        for name in _ordered(samples)
    ]
    steady = run.lookups.latency[STEADY]
    latencies = [
        Bar(f"{name}, {share}", spread(_latencies(steady[name], share)), name.startswith("kvitok"))
        for share in ("p50", "p99")
        for name in steady
    ]
    return {
        COSTS_PICTURE: bars("Server CPU per check", "µs", rows),
        LATENCY_PICTURE: bars("Time to the answer at 5,000 checks a second", "µs", latencies),
    }


def replaced(page: str, generated: str) -> str:
    """The page with everything between the marks exchanged. Raises ValueError without marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN} … {END}")
    return f"{before}{BEGIN}\n{generated}{END}{after}"


def write(run: Run, page: Path, folder: Path) -> None:
    """Bring page and pictures up to date."""
    page.write_text(replaced(page.read_text(encoding="utf-8"), section(run)), encoding="utf-8")
    for name, picture in pictures(run).items():
        (folder / name).write_text(picture, encoding="utf-8")


def _heading(run: Run) -> str:
    found = {**run.machine, "load generator": run.generator}
    if run.lookups is not None:
        found |= run.lookups.versions
    told = "; ".join(f"{name} {value}" for name, value in found.items())
    before, *later = (f"{load:.1f}" for load in run.load_averages)
    return (
        f"{told}. Load average before the run {before}, after its parts {', '.join(later)}; the"
        " bench itself makes about 2, what is above that were others, and then absolute times say"
        " little. Servers on one core, the generator, PostgreSQL and Valkey on the other; 64"
        " connections over loopback."
    )


def _lookup_parts(run: Run, lookups: Lookups) -> Iterator[str]:
    samples, steady = lookups.samples, lookups.latency[STEADY]
    reasons = why_it_does_not_count(
        samples, accounts=run.accounts, cores_are_apart=run.cores_are_apart
    )
    yield (
        "**This run counts.**"
        if not reasons
        else ("**This run does not count:** " + "; ".join(reasons) + ".")
    )
    yield goal_table(lookup_goals(samples, steady, run.sizes.ratio(ASKED) if run.sizes else None))
    yield (
        f"Ratios are taken within each round and then the median; keys by Zipf 1.0 over"
        f" {run.accounts:,} accounts, uniform where Redis is asked every time and where the"
        f" number of accounts is compared. Before the first round ours and nginx's shared dict"
        f" have met the {SHARE:.0%} of the accounts that are asked for most, as after ten checks"
        f" for each account there is. In the hot rows {lookups.hit_share:.1%} of the checks"
        f" were answered from the worker's memory, {lookups.fast_share:.1%} on the fast lane."
        f" An answer has {lookups.body_bytes} bytes of body;"
        f" Valkey takes {lookups.bytes_per_account:.0f} bytes for an account, all in; it was"
        f" complete {lookups.rebuild_seconds:.0f} s after its start."
    )
    yield f"![Server CPU per check](img/{COSTS_PICTURE})"
    yield _cost_table(samples)
    yield _shapes(samples)
    if lookups.missing:
        left_out = "; ".join(f"{name} ({wants})" for name, wants in lookups.missing.items())
        yield f"Left out, because it is not installed: {left_out}."
    yield _NOT_ALIKE
    yield f"![Time to the answer](img/{LATENCY_PICTURE})"
    yield _latency_table(lookups.latency)


_NOT_ALIKE = """\
Not like for like:

- Ours has everything on: allow-list, limits, metrics, access log into a file, masking, the compare
  of freshness, Date. The peers check, limit, count and log nothing, and their values in Redis are
  the answer's text ready made, where ours are 120 bytes that have to be read and laid out.
- The shared dict of nginx never hears of a payment: its answers are stale for ever.
- The file of nginx is the same for everybody; it is there as a floor.
- Redis's own CPU is not in the cost, it has a column. Over loopback the sender's core also pays for
  the receiver's part of TCP.
- SOAP is compared with the plain GET of nginx, which parses no XML.
- No agent's traffic was recorded. The heads are composed from what clients send by default; the
  main rows use the one of Apache HttpClient, the SOAP row that of JAX-WS."""


def _cost_table(samples: Samples) -> str:
    lines = [
        "| row | keys | server CPU, µs a check | checks/s seen | Valkey's CPU, µs |",
        "|---|---|---|---|---|",
    ]
    for name in _ordered(samples):
        rows = samples[name]
        cost, rate = spread(costs(samples, name)), spread([row.rate for row in rows])
        store = spread([row.store_cost_us for row in rows]).median
        capped = ", the generator's limit" if _capped(rows) else ""
        lines.append(
            f"| {name} | {_keys(name)} | {cost.shown()} | {rate.median:,.0f}{capped}"
            f" | {store:.1f} |"
        )
    return "\n".join(lines)


def _ordered(samples: Samples) -> list[str]:
    """The cheapest first; heads have a table of their own."""
    of_shapes = {names.of_shape(shape.name) for shape in shapes.OTHERS}
    rows = [name for name in samples if name not in of_shapes]
    return sorted(rows, key=lambda name: spread(costs(samples, name)).median)


def _keys(name: str) -> str:
    if name == names.NGINX_STATIC:
        return "–"
    return "uniform" if name in (names.OURS_ASKED, names.NGINX_TCP_UNIFORM) else "Zipf 1.0"


def _capped(rows: Sequence[Sample]) -> bool:
    return sum(row.is_capped for row in rows) * 2 > len(rows)


def _shapes(samples: Samples) -> str:
    lines = ["| head of the request | server CPU of the hot row, µs |", "|---|---|"]
    named = [(shapes.USUAL.name, names.OURS_HOT)]
    named += [(shape.name, names.of_shape(shape.name)) for shape in shapes.OTHERS]
    for shape, name in named:
        lines.append(f"| {shape} | {spread(costs(samples, name)).shown()} |")
    return "\n".join(lines)


def _latency_table(latency: Mapping[str, Samples]) -> str:
    lines = [
        (
            "Open loop: requests fall due by a Poisson process whether or not the server keeps up,"
            " and time counts from when each was due. The tails are mostly the machine's."
        ),
        "",
        "| rate | row | answered/s | never answered | p50, µs | p99, µs | p99.9, µs |",
        "|---|---|---|---|---|---|---|",
    ]
    for rate in (STEADY, HALF):
        for name, rows in latency[rate].items():
            rate_seen = spread([row.rate for row in rows]).median
            late = sum(row.late for row in rows) / sum(row.late + row.requests for row in rows)
            shown = " | ".join(spread(_latencies(rows, share)).shown(0) for share in _SHARES)
            lines.append(f"| {rate} | {name} | {rate_seen:,.0f} | {late:.1%} | {shown} |")
    return "\n".join(lines)


def _latencies(rows: Sequence[Sample], share: str) -> list[float]:
    return [row.latencies_us[share] for row in rows]


def _sizes(sizes: Sizes) -> str:
    lines = [
        (
            "The number of accounts, keys uniform over all of them; the goal above is judged where"
            " Redis is asked every time, since a near cache of 1 M entries holds all of the few and"
            " little of the many. Valkey is filled alone, by the encoder that the sync uses."
        ),
        "",
        f"| accounts | {ASKED}, µs | {CACHED}, µs | bytes an account in Valkey |",
        "|---|---|---|---|",
    ]
    for count in sizes.counts:
        asked, cached = (spread(sizes.costs(mode, count)).shown() for mode in (ASKED, CACHED))
        memory = sizes.bytes_per_account[count]
        lines.append(f"| {count:,} | {asked} | {cached} | {memory:.0f} |")
    asked, cached = (sizes.ratio(mode).shown(2) for mode in (ASKED, CACHED))
    lines.append(f"| most ÷ fewest, paired | {asked} | {cached} | |")
    return "\n".join(lines)
