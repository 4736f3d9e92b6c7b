"""What is told of a simulated day: what the network believes, what we hold, where they differ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import typer

from server.cli.context import said
from server.messages import PaymentState
from server.money import Money
from server.simulate.beliefs import (
    Belief,
    Difference,
    Held,
    compare,
    compare_list,
    compare_statuses,
    silence,
)
from server.simulate.day import Day, Plan

_SHOWN_MAX = 20


@dataclass(frozen=True, slots=True)
class Report:
    """`held`: what the ledger has; None = nobody could look."""

    plan: Plan
    day: Day
    held: Mapping[str, Held] | None

    @property
    def differences(self) -> tuple[Difference, ...]:
        """Every one, by whoever it was told."""
        claims = self.day.claims
        return (
            *(compare(claims, self.held) if self.held is not None else _contradictions(self.day)),
            *(compare_list(claims, self.day.listed) if self.day.has_list else ()),
            *compare_statuses(claims, self.day.statuses),
            *silence(claims),
        )

    @property
    def is_good(self) -> bool:
        """Whether network and server agree."""
        return not self.differences


def _contradictions(day: Day) -> Iterable[Difference]:
    return (
        Difference(claim.intent.agent_payment_id, said_of)
        for claim in day.claims
        for said_of in claim.contradictions
    )


def shape(report: Report) -> dict[str, Any]:
    """As JSON."""
    day, plan = report.day, report.plan
    believed = {
        belief.value: _sum(claim.intent.amount for claim in day.claims if claim.belief is belief)
        for belief in Belief
    }
    return {
        "agent": plan.agent.name,
        "protocol": plan.agent.protocol,
        "pays": len(day.claims),
        "sent": sum(claim.is_sent for claim in day.claims),
        "believed": believed,
        "keeps_cash": _sum(claim.intent.amount for claim in day.claims if claim.keeps_cash),
        "held": None if report.held is None else _sum(_credited(report.held.values())),
        "listed": None
        if day.listed is None
        else _sum(each.amount for each in day.listed if each.agent_payment_id in _ours(day)),
        "statuses": len(day.statuses),
        "requests": day.counts["requests"],
        "repeats": day.counts["repeats"],
        "unanswered": day.counts["unanswered"],
        "differences": [
            {"agent_payment_id": each.agent_payment_id, "said": each.said}
            for each in report.differences
        ],
        "ok": report.is_good,
    }


def tell(report: Report) -> None:
    """As text."""
    told = shape(report)
    believed = told["believed"]
    lines = [
        (said("sent", "отправлено платежей"), str(told["sent"])),
        (said("requests, of them repeats", "запросов, из них повторов"),
         f"{told['requests']}, {told['repeats']}"),
        (said("the network believes credited", "сеть считает зачисленными"),
         _text(believed["credited"])),
        (said("and cancelled", "и отменёнными"), _text(believed["cancelled"])),
        (said("we hold credited", "у нас зачислено"), _text(told["held"])),
        (said("our list shows", "в сверке протокола"), _text(told["listed"])),
    ]  # fmt: skip
    if told["keeps_cash"]["count"]:
        kept = said("refused after the receipt", "отказано после чека")
        lines.append((kept, _text(told["keeps_cash"])))
    for name, text in lines:
        typer.echo(f"{name:<32} {text}")
    for each in report.differences[:_SHOWN_MAX]:
        typer.echo(f"✗ {each.agent_payment_id}: {each.said}")
    good = said("network and server agree", "сеть и сервер сходятся")
    bad = said("differences", "расхождений")
    typer.echo(good if report.is_good else f"{bad}: {len(report.differences)}")


def _ours(day: Day) -> set[str]:
    return {claim.intent.agent_payment_id for claim in day.claims}


def _credited(held: Iterable[Held]) -> Iterable[Money]:
    return (each.amount for each in held if each.state is PaymentState.CREDITED)


def _sum(amounts: Iterable[Money]) -> dict[str, int]:
    found = list(amounts)
    return {"count": len(found), "kopecks": sum(amount.kopecks for amount in found)}


def _text(count: Mapping[str, int] | None) -> str:
    return "—" if count is None else f"{count['count']}, {Money(count['kopecks'])}"
