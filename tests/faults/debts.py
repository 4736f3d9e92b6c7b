"""Is there an order of events that explains every debt that was shown?

A check sees every payment whose success was answered before it was asked, and may see any that
was sent before it was answered. Charges are seen in the order in which billing made them, how many
of them is left open: for those the promise is a loose bound. What a primary had in its log and the
standby had not is told by the stream, and may be seen until that primary is gone for good.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.faults.director import Outage
from tests.faults.history import Charge, Claim, Facts, History, Look, Try
from tests.faults.networks import Said
from tests.faults.schedule import Component

ACROSS_HOSTS_SECONDS = 2.0
"""Another server shows a payment within this, as long as neither Redis nor the sync is away."""
_LOOSELY_SECONDS = 125.0
_NEWS = frozenset(Component) - {Component.FRONT, Component.WORKER}
"""What the news of a payment needs on its way to another server, in the worst case."""
_OPTIONAL_MAX = 24


@dataclass(frozen=True, slots=True)
class _Change:
    """What one event takes off a debt; a cancellation puts it back."""

    name: str
    kopecks: int
    sent: float
    told: dict[int, float]
    """By host: when its success was first known to an agent."""


def unexplained(history: History, facts: Facts, outages: Sequence[Outage]) -> Iterator[str]:
    """One sentence for every check that no order of events explains."""
    changes = _changes(history.claims)
    charges: dict[str, list[Charge]] = defaultdict(list)
    for charge in history.charges:
        if charge.is_recorded or charge.is_lost:
            charges[charge.account].append(charge)
    across = _Across(outages)
    for look in history.looks:
        debt = look.asked.answer.debt if look.asked.answer else None
        if debt is None:
            continue
        before = facts.debts_before[look.account]
        bases = _with_charges(before, charges[look.account], look.asked.ended)
        found = _Explained(look, debt, bases, changes[look.account], across)
        if not found.is_explained:
            at = look.asked.started - history.began
            shown = f"{look.agent}: {look.account} shown {debt / 100:.2f} by host {look.asked.host}"
            yield f"{shown} at {at:.3f} s: {found.why_not(history.began)}"


def _changes(claims: Sequence[Claim]) -> dict[str, list[_Change]]:
    found: dict[str, list[_Change]] = defaultdict(list)
    for claim in claims:
        if claim.is_refused or not claim.tries:
            continue
        added = found[claim.account]
        name = f"{claim.agent} {claim.key}"
        added.append(_Change(name, claim.kopecks, claim.first_sent, _told(claim.tries)))
        if claim.cancels:
            told = _told(claim.cancels)
            added.append(_Change(f"cancel {name}", -claim.kopecks, claim.cancel_sent, told))
    for changes in found.values():
        changes.sort(key=lambda change: change.sent)
    return found


def _told(tries: Sequence[Try]) -> dict[int, float]:
    told: dict[int, float] = {}
    for each in tries:
        if each.said in _SUCCESS:
            told[each.host] = min(each.ended, told.get(each.host, each.ended))
    return told


_SUCCESS = (Said.DONE, Said.CANCELLED)


def _with_charges(before: int, charges: list[Charge], until: float) -> set[int]:
    """The debts that charges alone may have made by then."""
    bases = {before}
    latest = {before}
    for charge in charges:
        if charge.started > until:
            break
        added = {debt + charge.kopecks for debt in latest}
        # One whose commit was not told may have come at any time, so it may also be missing.
        latest = added if charge.ended < float("inf") else latest | added
        bases |= latest
    return bases


class _Across:
    """From when on a success at one server binds another."""

    def __init__(self, outages: Sequence[Outage]) -> None:
        self._ends = sorted((each.began, each.ended) for each in outages if each.component in _NEWS)

    def binds_from(self, told: dict[int, float], host: int) -> float:
        """On its own host at once; on another counted from the end of what slows the news."""
        here = told.get(host, float("inf"))
        elsewhere = min((at for other, at in told.items() if other != host), default=here)
        return min(here, self._elsewhere(elsewhere)) if elsewhere < here else here

    def _elsewhere(self, told: float) -> float:
        moment = told
        for began, ended in self._ends:
            if began <= moment + ACROSS_HOSTS_SECONDS:
                moment = max(moment, ended)
        return min(moment + ACROSS_HOSTS_SECONDS, told + _LOOSELY_SECONDS)


class _Explained:
    """Whether an order of events explains a debt, and what is known when none does."""

    def __init__(
        self, look: Look, debt: int, bases: set[int], changes: list[_Change], across: _Across
    ) -> None:
        self._debt, self._bases = debt, bases
        self._must: list[_Change] = []
        self._may: list[_Change] = []
        asked = look.asked
        until = bisect_left(changes, asked.ended, key=lambda change: change.sent)
        for change in changes[:until]:
            is_bound = across.binds_from(change.told, asked.host) < asked.started
            (self._must if is_bound else self._may).append(change)
        self.is_explained = self._explains(self._must, self._may)

    def _explains(self, must: list[_Change], may: list[_Change]) -> bool:
        if len(may) > _OPTIONAL_MAX:
            return True  # too many at once to say anything
        taken = sum(change.kopecks for change in must)
        kopecks = [change.kopecks for change in may]
        half = len(kopecks) // 2
        some, others = _sums(kopecks[:half]), _sums(kopecks[half:])
        return any(
            base - taken - self._debt - each in others for base in self._bases for each in some
        )

    def why_not(self, began: float) -> str:
        """In words; times are those of the run."""
        taken = sum(change.kopecks for change in self._must)
        known = ", ".join(f"{(base - taken) / 100:.2f}" for base in sorted(self._bases))
        said = (
            f"without {len(self._may)} payments or cancellations that were open it may be {known}"
        )
        for change in reversed(self._must):
            if self._explains([each for each in self._must if each is not change], self._may):
                told = {host: round(at - began, 3) for host, at in change.told.items()}
                return f"{said}; {change.name} is missing, told at {told}"
        return said


def _sums(parts: list[int]) -> set[int]:
    """Of every selection."""
    found = {0}
    for kopecks in parts:
        found |= {each + kopecks for each in found}
    return found
