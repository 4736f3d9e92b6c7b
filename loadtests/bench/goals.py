"""What a run must show, and what it says to that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.bench import names
from loadtests.bench.figures import Spread, paired
from loadtests.bench.rounds import Samples

NGINX_COST_MAX_US = 35.0
PHP_COST_MAX_US = 230.0
ACCOUNTS_WANTED = 1_000_000
ROUNDS_MIN = 5
MET, MUST_MET, MISSED, LEFT_OUT = "aim met", "must met", "**missed**", "not measured"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure with what it must be and what we aim at; `at_least`, or else at most."""

    figure: str
    must: float
    aim: float
    at_least: bool
    found: Spread | None

    @property
    def verdict(self) -> str:
        """Judged by the median of the rounds."""
        if self.found is None:
            return LEFT_OUT
        if self._reaches(self.aim):
            return MET
        return MUST_MET if self._reaches(self.must) else MISSED

    def _reaches(self, bound: float) -> bool:
        assert self.found is not None
        return self.found.median >= bound if self.at_least else self.found.median <= bound


_RATIOS = (
    ("hot check: nginx + Lua + Redis (TCP) ÷ ours", names.NGINX_TCP, names.OURS_HOT, 2.2, 2.7),
    ("hot check: nginx + Lua + Redis (unix) ÷ ours", names.NGINX_UNIX, names.OURS_HOT, 1.7, 2.1),
    ("hot check: nginx + Lua shared dict ÷ ours", names.NGINX_DICT, names.OURS_HOT, 1.0, 1.1),
    ("hot check: plain aiohttp + redis-py ÷ ours", names.AIOHTTP, names.OURS_HOT, 8.0, 10.0),
    (
        "Redis asked every time: nginx + Lua + Redis (TCP) ÷ ours",
        names.NGINX_TCP_UNIFORM,
        names.OURS_ASKED,
        2.0,
        2.4,
    ),
    (
        "SOAP GetInformation: nginx + Lua + Redis (TCP) ÷ ours",
        names.NGINX_TCP,
        names.OURS_SOAP,
        0.7,
        1.0,
    ),
)


def costs(samples: Samples, name: str) -> list[float]:
    """Server CPU per check, µs, round by round."""
    return [sample.cost_us for sample in samples[name]]


def cost_ratio(samples: Samples, dearer: str, cheaper: str) -> Spread | None:
    """Paired; None when one of them did not take part."""
    if dearer not in samples or cheaper not in samples:
        return None
    return paired(costs(samples, dearer), costs(samples, cheaper))


def latency_ratio(samples: Samples, share: str) -> Spread | None:
    """Ours over nginx's, paired."""
    if names.NGINX_TCP not in samples:
        return None
    ours, theirs = (
        [sample.latencies_us[share] for sample in samples[name]]
        for name in (names.OURS_HOT, names.NGINX_TCP)
    )
    return paired(ours, theirs)


def lookup_goals(
    samples: Samples, steady: Samples, many_over_few: Spread | None
) -> tuple[Goal, ...]:
    """The table of the lookup."""
    ratios = [
        Goal(figure, must, aim, True, cost_ratio(samples, dearer, ours))
        for figure, dearer, ours, must, aim in _RATIOS
    ]
    return (
        *ratios,
        Goal(
            "p50 at 5,000/s open loop: ours ÷ nginx + Lua + Redis (TCP)",
            0.8,
            0.65,
            False,
            latency_ratio(steady, "p50"),
        ),
        Goal("cost at 10 M accounts ÷ at 10 k", 1.1, 1.0, False, many_over_few),
    )


def why_it_does_not_count(
    samples: Samples, *, accounts: int, cores_are_apart: bool
) -> tuple[str, ...]:
    """Reasons not to rely on a run, a phrase each; none = it counts."""
    reasons = []
    for name, bound in ((names.NGINX_TCP, NGINX_COST_MAX_US), (names.PHP, PHP_COST_MAX_US)):
        if name not in samples:
            reasons.append(f"{name} took no part")
            continue
        cost = paired(costs(samples, name), [1.0] * len(samples[name])).median
        if cost > bound:
            reasons.append(f"{name} cost {cost:.1f} µs, more than {bound:.0f}")
    if accounts < ACCOUNTS_WANTED:
        reasons.append(f"keys came from {accounts} accounts, not from {ACCOUNTS_WANTED}")
    rounds = min(map(len, samples.values()))
    if rounds < ROUNDS_MIN:
        reasons.append(f"{rounds} rounds, fewer than {ROUNDS_MIN}")
    if not cores_are_apart:
        reasons.append("server and load shared a core")
    return tuple(reasons)


def goal_table(goals: Sequence[Goal]) -> str:
    """In Markdown."""
    lines = [
        "| figure | must | aim | measured, median (range) | verdict |",
        "|---|---|---|---|---|",
    ]
    for goal in goals:
        sign = "≥" if goal.at_least else "≤"
        found = goal.found.shown(2) if goal.found else "–"
        must, aim = f"{sign} {goal.must:g}", f"{sign} {goal.aim:g}"
        lines.append(f"| {goal.figure} | {must} | {aim} | {found} | {goal.verdict} |")
    return "\n".join(lines)
