"""The verdict on a run: what was told must be true, and must have been told in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.faults.debts import unexplained
from tests.faults.director import Outage
from tests.faults.history import Claim, Facts, History, Recorded
from tests.faults.networks import Said
from tests.faults.schedule import Component

LIVELY_SECONDS = 30.0
"""After the last fault every payment that is repeated is credited within this."""
HEALING_SECONDS = 5.0
"""So long after it came back a component may still be missed."""


@dataclass(slots=True)
class Verdict:
    """`faults` in sentences; none = the run is as promised."""

    faults: list[str]
    numbers: Counter[str] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    """From the end of all faults until the last payment was credited."""
    answered: dict[Component, tuple[int, int]] = field(default_factory=dict)
    """Checks while one component alone was away: answered with a debt, and all."""


def judge(history: History, facts: Facts, outages: Sequence[Outage]) -> Verdict:
    """Look at everything."""
    faults = [
        *_payments(history, facts),
        *_answers(history),
        *_sums(history, facts),
        *_refused_accounts(history),
        *unexplained(history, facts, outages),
        *_liveness(history),
        *_end(history, facts),
    ]
    verdict = Verdict(faults)
    verdict.numbers = _numbers(history)
    verdict.slowest_seconds = _slowest(history)
    verdict.answered = answered_during(history, outages)
    return verdict


def _payments(history: History, facts: Facts) -> Iterator[str]:
    """Each accepted once, nothing refused, nothing that nobody sent."""
    found = Counter((each.agent, each.key) for each in facts.payments)
    recorded = {(each.agent, each.key): each for each in facts.payments}
    for (agent, key), count in found.items():
        if count > 1:
            yield f"{agent} {key} is recorded {count} times"
    claims = {(claim.agent, claim.key): claim for claim in history.claims}
    for name in recorded.keys() - claims.keys():
        yield f"{name} is recorded and nobody sent it"
    for name, claim in claims.items():
        yield from _claim(claim, recorded.get(name))
        if claim.is_payable and claim.is_refused and not _closed_by(history, claim):
            yield f"{name} was refused for good without a reason"


def _closed_by(history: History, claim: Claim) -> bool:
    last = max(each.ended for each in claim.answers(Said.REFUSED))
    return any(c.account == claim.account and c.started < last for c in history.closings)


def _claim(claim: Claim, recorded: Recorded | None) -> Iterator[str]:
    name = f"{claim.agent} {claim.key}"
    if claim.is_credited and claim.is_refused:
        yield f"{name} was both credited and refused for good"
    if claim.is_credited and recorded is None:
        yield f"{name} was answered with success and is lost"
    if claim.is_refused and recorded is not None:
        yield f"{name} was refused for good and is recorded"
    if not claim.is_payable and claim.is_credited:
        yield f"{name} must be refused and was credited"
    if recorded is None:
        return
    if (recorded.account, recorded.kopecks) != (claim.account, claim.kopecks):
        yield f"{name} is recorded as {recorded}, sent was {claim.account} {claim.kopecks}"
    if claim.is_cancelled and recorded.state != "cancelled":
        yield f"{name} was answered as cancelled and is {recorded.state}"
    if recorded.state == "cancelled" and not claim.cancels:
        yield f"{name} is cancelled and nobody asked for it"


def _answers(history: History) -> Iterator[str]:
    """Every repeat gets the recorded answer, byte by byte."""
    for claim in history.claims:
        name = f"{claim.agent} {claim.key}"
        done = [each.answer for each in claim.answers(Said.DONE) if each.answer]
        if len({answer.record for answer in done}) > 1:
            yield f"{name} got different records: {sorted({answer.record for answer in done})}"
        for code in {answer.code for answer in done}:
            bodies = {answer.body for answer in done if answer.code == code}
            if len(bodies) > 1:
                yield f"{name} got different bytes: {sorted(bodies)}"
        for wrong in claim.conflicts:
            if wrong.said in (Said.DONE, Said.CANCELLED):
                yield f"{name} with other content was answered {wrong.answer}"
        yield from _after_cancelling(claim)


def _after_cancelling(claim: Claim) -> Iterator[str]:
    told = [each for each in claim.cancels if each.said in (Said.DONE, Said.CANCELLED)]
    since = min((each.ended for each in told), default=float("inf"))
    for each in claim.answers(Said.DONE):
        if each.started > since:
            yield f"{claim.agent} {claim.key} was cancelled and then answered with success"


def _sums(history: History, facts: Facts) -> Iterator[str]:
    """Σ ledger = Σ accepted, by account and in all."""
    accepted: Counter[str] = Counter()
    for claim in history.claims:
        if claim.is_credited and not claim.is_cancelled:
            accepted[claim.account] += claim.kopecks
    for account, kopecks in facts.credited.items():
        if accepted[account] != kopecks:
            yield f"account {account}: accepted {accepted[account]}, credited {kopecks}"
    if sum(accepted.values()) != sum(facts.credited.values()):
        yield f"accepted {sum(accepted.values())}, credited {sum(facts.credited.values())}"


def _refused_accounts(history: History) -> Iterator[str]:
    """An account that exists is never said not to: a network then gives the money back."""
    for look in history.looks:
        if look.asked.said is not Said.REFUSED:
            continue
        is_closed = any(
            each.account == look.account and each.started < look.asked.ended
            for each in history.closings
        )
        if not is_closed:
            yield f"{look.agent}: check of {look.account} was refused: {look.asked.answer}"


def _liveness(history: History) -> Iterator[str]:
    """Without faults no "try later"; after the last one everything is credited soon."""
    for each in history.tries():
        is_calm = history.began <= each.started and each.ended <= history.calm_until
        if is_calm and each.said in (None, Said.LATER) and not each.is_dropped:
            yield f"nothing was broken, and the answer was {each.answer}"
    for claim in history.claims:
        if not claim.is_settled:
            yield f"{claim.agent} {claim.key} was repeated in vain: {len(claim.tries)} tries"
    if _slowest(history) > LIVELY_SECONDS:
        yield f"{_slowest(history):.1f} s passed until the last payment was credited"


def _slowest(history: History) -> float:
    firsts = (
        min(each.ended for each in claim.tries if each.said not in (None, Said.LATER))
        for claim in history.claims
        if claim.is_settled and claim.first_sent < history.healed
    )
    return max(max(firsts, default=0.0) - history.healed, 0.0)


def _end(history: History, facts: Facts) -> Iterator[str]:
    """When nothing moves any more, everything is the same everywhere."""
    closed = {each.account for each in history.closings}
    for look in history.last_looks:
        answer = look.asked.answer
        if look.account in closed and look.asked.said is Said.REFUSED:
            continue
        if answer is None or answer.debt != facts.debts[look.account]:
            owed = facts.debts[look.account]
            yield f"in the end {look.account} owes {owed}, and the answer was {answer}"
    for difference in facts.differences:
        yield f"the books do not add up: {difference}"
    for what in ("missing", "stale", "extra"):
        if facts.verified.get(what):
            yield f"Redis is not PostgreSQL: {facts.verified}"
            return


def answered_during(
    history: History, outages: Sequence[Outage]
) -> dict[Component, tuple[int, int]]:
    """Of the checks while one component alone was away: with a debt, and all.

    What was away shortly before is not whole yet: that would be an outage of both.
    """
    found: dict[Component, tuple[int, int]] = {}
    for look in history.looks:
        asked = look.asked
        away = {each for each in outages if each.began <= asked.started <= each.ended}
        if len(away) != 1 or asked.said is Said.REFUSED:
            continue
        component = away.pop().component
        if _missed(outages, asked.started) - {Component.NONE, component}:
            continue
        good, every = found.get(component, (0, 0))
        is_shown = asked.answer is not None and asked.answer.debt is not None
        found[component] = (good + is_shown, every + 1)
    return found


def _missed(outages: Sequence[Outage], moment: float) -> set[Component]:
    return {
        each.component for each in outages if each.began <= moment <= each.ended + HEALING_SECONDS
    }


def _numbers(history: History) -> Counter[str]:
    counts: Counter[str] = Counter()
    counts["payments"] = sum(claim.is_credited for claim in history.claims)
    counts["refused"] = sum(claim.is_refused for claim in history.claims)
    counts["cancelled"] = sum(claim.is_cancelled for claim in history.claims)
    counts["requests"] = sum(1 for _ in history.tries())
    counts["checks"] = len(history.looks)
    counts["charges"] = len(history.charges)
    counts["replies dropped"] = sum(each.is_dropped for each in history.tries())
    lost = (each for each in history.tries() if each.answer is None and not each.is_dropped)
    counts["without answer"] = sum(1 for _ in lost)
    counts["try later"] = sum(each.said is Said.LATER for each in history.tries())
    return counts
