"""The checker finds each kind of lie in a history, and none in a true one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.faults.checker import HEALING_SECONDS, LIVELY_SECONDS, answered_during, judge
from tests.faults.debts import ACROSS_HOSTS_SECONDS
from tests.faults.director import Outage
from tests.faults.history import Charge, Claim, Closing, Facts, History, Look, Recorded, Try
from tests.faults.networks import Answer, Said
from tests.faults.schedule import Component

DEBT = 100_000


def done(at: float, body: bytes = b"ok", record: str = "1", host: int = 0) -> Try:
    return Try(host, at, at + 0.1, Answer(Said.DONE, "0", body, record))


def said(at: float, what: Said, host: int = 0) -> Try:
    return Try(host, at, at + 0.1, Answer(what, "1", b""))


def look(at: float, debt: int, host: int = 0) -> Look:
    return Look("osmp", "1", Try(host, at, at + 0.01, Answer(Said.DONE, "0", b"", debt=debt)))


def a_true_history() -> tuple[History, Facts]:
    """A payment, one that is cancelled, one that is refused, a charge, checks in between."""
    paid = Claim("osmp", "1", "1", 500, tries=[said(1.0, Said.LATER), done(2.0), done(3.0)])
    undone = Claim("paynet", "2", "1", 700, tries=[done(4.0)], cancels=[done(5.0)])
    refused = Claim("osmp", "3", "1", 0, is_payable=False, tries=[said(6.0, Said.REFUSED)])
    looks = [look(0.5, DEBT), look(2.5, DEBT - 500), look(4.5, DEBT - 1200), look(5.5, DEBT - 500)]
    looks += [look(8.0, DEBT - 500), look(8.1, DEBT - 500 + 90)]
    history = History(
        began=0.0,
        calm_until=0.9,
        healed=9.0,
        claims=[paid, undone, refused],
        looks=looks,
        last_looks=[look(20.0, DEBT - 410)],
        charges=[Charge("1", 90, 7.0, 7.1, is_recorded=True)],
    )
    facts = Facts(
        debts_before={"1": DEBT},
        debts={"1": DEBT - 410},
        credited={"1": 500},
        payments=(
            Recorded("osmp", "1", "1", 500, "credited"),
            Recorded("paynet", "2", "1", 700, "cancelled"),
        ),
        verified={"missing": 0, "stale": 0, "extra": 0},
    )
    return history, facts


def faults_of(history: History, facts: Facts) -> list[str]:
    return judge(history, facts, ()).faults


def test_a_true_history_is_believed() -> None:
    assert faults_of(*a_true_history()) == []


Lie = Callable[[History, Facts], Facts]


def _lost(history: History, facts: Facts) -> Facts:
    return replace(facts, payments=facts.payments[1:], credited={"1": 0})


def _double(history: History, facts: Facts) -> Facts:
    return replace(facts, payments=(*facts.payments, facts.payments[0]))


def _unasked(history: History, facts: Facts) -> Facts:
    return replace(facts, payments=(*facts.payments, Recorded("osmp", "9", "1", 1, "credited")))


def _refused_and_recorded(history: History, facts: Facts) -> Facts:
    return replace(facts, payments=(*facts.payments, Recorded("osmp", "3", "1", 0, "credited")))


def _other_sum(history: History, facts: Facts) -> Facts:
    wrong = replace(facts.payments[0], kopecks=501)
    return replace(facts, payments=(wrong, facts.payments[1]))


def _ledger_is_more(history: History, facts: Facts) -> Facts:
    return replace(facts, credited={"1": 1000})


def _other_bytes(history: History, facts: Facts) -> Facts:
    history.claims[0].tries[2] = done(3.0, b"OK")
    return facts


def _other_record(history: History, facts: Facts) -> Facts:
    history.claims[0].tries[2] = done(3.0, b"ok", "2")
    return facts


def _both_credited_and_refused(history: History, facts: Facts) -> Facts:
    history.claims[0].tries.append(said(4.0, Said.REFUSED))
    return facts


def _refused_without_reason(history: History, facts: Facts) -> Facts:
    history.claims.append(Claim("osmp", "4", "1", 100, tries=[said(6.0, Said.REFUSED)]))
    return facts


def _conflict_credited(history: History, facts: Facts) -> Facts:
    history.claims[0].conflicts.append(done(4.0))
    return facts


def _cancelled_is_gone(history: History, facts: Facts) -> Facts:
    return replace(facts, payments=facts.payments[:1])


def _cancel_was_forgotten(history: History, facts: Facts) -> Facts:
    credited = replace(facts.payments[1], state="credited")
    return replace(facts, payments=(facts.payments[0], credited))


def _cancelled_by_nobody(history: History, facts: Facts) -> Facts:
    cancelled = replace(facts.payments[0], state="cancelled")
    return replace(facts, payments=(cancelled, facts.payments[1]))


def _success_after_a_cancel(history: History, facts: Facts) -> Facts:
    history.claims[1].tries.append(done(6.0))
    return facts


def _settled_debt_shown(history: History, facts: Facts) -> Facts:
    history.looks.append(look(3.5, DEBT))
    return facts


def _payment_shown_before_it_was_sent(history: History, facts: Facts) -> Facts:
    history.looks.append(look(0.6, DEBT - 500))
    return facts


def _cancelled_payment_still_shown(history: History, facts: Facts) -> Facts:
    history.looks.append(look(6.5, DEBT - 1200))
    return facts


def _settled_debt_shown_by_another_server(history: History, facts: Facts) -> Facts:
    history.looks.append(look(2.2 + ACROSS_HOSTS_SECONDS, DEBT, host=1))
    return facts


def _repeat_answered_by_another_server_and_not_told_there(history: History, facts: Facts) -> Facts:
    history.claims[0].tries.append(done(2.2, host=1))
    history.looks.append(look(2.4, DEBT, host=1))
    return facts


def _account_denied(history: History, facts: Facts) -> Facts:
    history.looks.append(Look("osmp", "1", said(3.0, Said.REFUSED)))
    return facts


def _later_although_calm(history: History, facts: Facts) -> Facts:
    history.looks.append(Look("osmp", "1", said(0.2, Said.LATER)))
    return facts


def _repeated_in_vain(history: History, facts: Facts) -> Facts:
    history.claims.append(Claim("osmp", "5", "1", 100, tries=[said(8.0, Said.LATER)]))
    return facts


def _credited_too_late(history: History, facts: Facts) -> Facts:
    late = Claim("osmp", "6", "1", 100, tries=[said(8.5, Said.LATER), done(10 + LIVELY_SECONDS)])
    history.claims.append(late)
    recorded = Recorded("osmp", "6", "1", 100, "credited")
    return replace(facts, payments=(*facts.payments, recorded), credited={"1": 600})


def _redis_differs(history: History, facts: Facts) -> Facts:
    return replace(facts, verified={"missing": 0, "stale": 1, "extra": 0})


def _books_do_not_add_up(history: History, facts: Facts) -> Facts:
    return replace(facts, differences=("account 1",))


def _another_debt_in_the_end(history: History, facts: Facts) -> Facts:
    history.last_looks.append(look(21.0, DEBT))
    return facts


LIES: dict[Lie, str] = {
    _lost: "lost",
    _double: "2 times",
    _unasked: "nobody sent",
    _refused_and_recorded: "refused for good and is recorded",
    _other_sum: "is recorded as",
    _ledger_is_more: "credited 1000",
    _other_bytes: "different bytes",
    _other_record: "different records",
    _both_credited_and_refused: "both credited and refused",
    _refused_without_reason: "without a reason",
    _conflict_credited: "with other content",
    _cancelled_is_gone: "lost",
    _cancel_was_forgotten: "answered as cancelled",
    _cancelled_by_nobody: "nobody asked for it",
    _success_after_a_cancel: "cancelled and then answered",
    _settled_debt_shown: "shown 1000.00",
    _payment_shown_before_it_was_sent: "shown 995.00",
    _cancelled_payment_still_shown: "shown 988.00",
    _settled_debt_shown_by_another_server: "by host 1",
    _repeat_answered_by_another_server_and_not_told_there: "by host 1",
    _account_denied: "was refused",
    _later_although_calm: "nothing was broken",
    _repeated_in_vain: "in vain",
    _credited_too_late: "passed until",
    _redis_differs: "Redis is not",
    _books_do_not_add_up: "do not add up",
    _another_debt_in_the_end: "in the end",
}


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.__name__.strip("_"))
def test_a_lie_is_found(lie: Lie) -> None:
    history, facts = a_true_history()
    facts = lie(history, facts)
    assert any(LIES[lie] in sentence for sentence in faults_of(history, facts))


def test_another_server_may_be_a_little_behind() -> None:
    history, facts = a_true_history()
    history.looks.append(look(2.5, DEBT, host=1))
    assert faults_of(history, facts) == []


def test_a_charge_whose_commit_was_not_told_may_come_late_or_in_between() -> None:
    history, facts = a_true_history()
    history.charges.insert(0, Charge("1", 7, 6.0, is_recorded=True))
    history.looks += [look(8.0, DEBT - 500 + 90), look(8.1, DEBT - 500 + 97)]
    history.last_looks.clear()
    assert faults_of(history, facts) == []


@pytest.mark.parametrize("is_lost", [True, False])
def test_a_charge_that_went_with_its_primary_may_have_been_seen(is_lost: bool) -> None:
    history, facts = a_true_history()
    history.charges.append(Charge("1", 7, 7.2, is_lost=is_lost))
    history.looks.append(look(8.2, DEBT - 500 + 97))
    assert (faults_of(history, facts) == []) is is_lost


def test_a_closed_account_is_refused_with_reason() -> None:
    history, facts = a_true_history()
    history.closings.append(Closing("1", 5.9))
    history.claims.append(Claim("osmp", "4", "1", 100, tries=[said(6.0, Said.REFUSED)]))
    history.looks.append(Look("osmp", "1", said(6.5, Said.REFUSED)))
    assert faults_of(history, facts) == []


def test_checks_are_counted_only_while_one_component_alone_was_away() -> None:
    history, _ = a_true_history()
    history.looks = [look(1.0, 0), look(2.0, 0), look(3.0, 0)]
    history.looks.append(Look("osmp", "1", said(1.5, Said.LATER)))
    outages = [Outage(Component.REDIS, 0.5, 2.5), Outage(Component.SYNC, 1.8, 2.2)]
    assert answered_during(history, outages) == {Component.REDIS: (1, 2)}


def test_what_has_just_come_back_is_still_missed() -> None:
    history, _ = a_true_history()
    healed = 1.0 + HEALING_SECONDS
    history.looks = [look(2.0, 0), look(healed + 1.0, 0)]
    outages = [
        Outage(Component.NONE, 0.2, 0.4),
        Outage(Component.SYNC, 0.5, 1.0),
        Outage(Component.REDIS, 1.5, healed + 2.0),
    ]
    assert answered_during(history, outages) == {Component.REDIS: (1, 1)}
