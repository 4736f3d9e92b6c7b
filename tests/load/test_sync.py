"""The bench of the sync: its judgement of answers, and what it writes of a run."""

from __future__ import annotations

import os
import socket

import pytest

from loadtests.bench.figures import Spread
from loadtests.bench.goals import LEFT_OUT, MET, MISSED
from loadtests.bench.sockets import owner_of
from loadtests.bench.sync_checks import Judged, debt_in, is_later
from loadtests.bench.sync_faults import Healing
from loadtests.bench.sync_report import sync_goals, sync_section
from loadtests.bench.sync_run import Bulk, Lag, Synced, compared

_HEAD = "HTTP/1.1 200 OK\r\n\r\n<response><result>{}</result>"
_FIELDS = '<field1 name="Плательщик" type="disp">И.</field1><field2 name="Долг" type="disp">{}<'


@pytest.mark.parametrize(("text", "kopecks"), [("12.05", 1205), ("0.00", 0), ("-1.50", -150)])
def test_a_debt_is_read_as_it_is_shown(text: str, kopecks: int) -> None:
    answer = (_HEAD.format(0) + _FIELDS.format(text)).encode()
    assert debt_in(answer) == kopecks
    assert not is_later(answer)


@pytest.mark.parametrize("code", [1, 5])
def test_an_answer_that_shows_no_account_owes_nothing(code: int) -> None:
    answer = _HEAD.format(code).encode()
    assert debt_in(answer) is None
    assert is_later(answer) is (code == 1)


def test_the_process_at_the_other_end_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            accepted, _ = listener.accept()
            mine = client.getsockname()[1]
            assert owner_of(port, mine, [1, os.getpid()]) == os.getpid()
            assert owner_of(port, mine, []) is None
            accepted.close()


def test_a_commit_is_paired_with_the_same_one_in_the_stream() -> None:
    probes = [("1", 10.000, 10.004), ("2", 11.000, 11.002), ("1", 12.000, 12.006)]
    passed = {"1": [10.001, 12.002], "2": [10.999]}
    lag = compared(probes, passed, {"per_second": 2000.0})
    assert (round(lag.bare_p50_ms, 3), round(lag.seen_p50_ms, 3)) == (1.0, 4.0)
    assert (lag.probes, lag.payments_per_second) == (3, 2000.0)


def judged(wrong: int = 0, later: int = 0) -> Judged:
    """A thousand answers."""
    return Judged(1_000, wrong, later, latencies_us={"p99": 900.0}, seconds=0.2)


def synced(accounts: int, seen_ms: float, wrong: int = 0, later: int = 0) -> Synced:
    """A run, made up."""
    cpu = {"sync": 10.0, "PostgreSQL": 5.0}
    paid = {"payments": 10, "repeated": 1, "checks": 20, "stale": 0, "later": 0}
    return Synced(
        accounts,
        [Lag(100, 2_000.0, 0.5, 1.0, 1.0, seen_ms)],
        Bulk(accounts, accounts / 65_000, judged(), cpu),
        Bulk(accounts, 19.0, judged(later=later), cpu),
        [
            Healing("PostgreSQL restarted", 0.5, 1.0, judged(wrong=wrong), paid),
            Healing("the slot dropped", 4.0, 9.0, judged(), paid),
        ],
    )


def test_a_run_that_is_good_meets_its_goals() -> None:
    goals = sync_goals(synced(1_000_000, seen_ms=2.5))
    assert {goal.verdict for goal in goals} == {MET}
    section = sync_section(synced(1_000_000, seen_ms=2.5))
    assert "| month's run | 15.4 | 65,000 | 5,000 | 0 | 0 | 0.9 |" in section
    assert "| the slot dropped | 4.00 | 9.0 | 1,000 | 0 | 0 | 10 | 1 | 0 |" in section


def test_what_is_missed_is_said() -> None:
    goals = sync_goals(synced(30_000, seen_ms=9.0, wrong=2, later=1))
    verdicts = [goal.verdict for goal in goals]
    assert verdicts == [MISSED, MISSED, MET, LEFT_OUT, MET, MISSED, MISSED]
    assert goals[4].found == Spread(4.0, 0.5, 4.0, 2), "the longest counts"
