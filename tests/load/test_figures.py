"""The bench's arithmetic: medians, draws, schedules, verdicts, pictures."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from loadtests.bench import names, shapes
from loadtests.bench.accounts import SERVICES, account, copy_texts
from loadtests.bench.figures import Spread, paired, quantile, spread
from loadtests.bench.generator import due_times
from loadtests.bench.goals import (
    LEFT_OUT,
    MET,
    MISSED,
    MUST_MET,
    Goal,
    goal_table,
    lookup_goals,
    why_it_does_not_count,
)
from loadtests.bench.keys import UNIFORM, ZIPF, account_number, drawn, number_of, zipf_ranks
from loadtests.bench.load import Sample
from loadtests.bench.memory_run import (
    Memory,
    Near,
    Store,
    measure_near,
    memory_goals,
    memory_section,
)
from loadtests.bench.rounds import Samples, interleaved
from loadtests.bench.svg import Bar, bars
from server.demo.catalogue import SERVICES as CATALOGUE
from server.lookup.snapshot import decode
from server.protocols.osmp.codec import CODEC as OSMP


def sample(cost_us: float, p50_us: float = 100.0) -> Sample:
    """A thousand checks at this cost."""
    return Sample(1_000, 1.0, cost_us / 1_000, 0.0, 0.5, {"p50": p50_us})


def samples(**costs: list[float]) -> Samples:
    """By the names of `names`, round by round."""
    return {getattr(names, row): [sample(cost) for cost in found] for row, found in costs.items()}


def test_a_quantile_lies_between_its_neighbours() -> None:
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.5) == 2.5
    assert quantile([4.0, 1.0, 3.0, 2.0], 0.0) == 1.0
    assert quantile([4.0, 1.0, 3.0, 2.0], 1.0) == 4.0
    assert quantile([7.0], 0.99) == 7.0


def test_ratios_are_taken_within_rounds() -> None:
    # Round two was twice as slow for both: unpaired, the medians would say 1.5.
    assert paired([20.0, 40.0, 30.0], [10.0, 20.0, 30.0]) == Spread(2.0, 1.0, 2.0, 3)


def test_a_spread_is_shown_with_its_range() -> None:
    assert spread([1.25, 2.0, 9.0]).shown(2) == "2.00 (1.25–9.00)"


def test_zipf_draws_the_second_half_as_often_as_the_first() -> None:
    counts = Counter(zipf_ranks(1_000, 200_000, random.Random(1)))
    for rank in (1, 2, 4, 9):
        assert counts[0] / counts[rank] == pytest.approx(rank + 1, rel=0.1)
    assert min(counts) == 0
    assert max(counts) <= 999


def test_every_account_has_one_rank() -> None:
    assert {number_of(rank, 1_000) for rank in range(1_000)} == set(
        map(account_number, range(1_000))
    )
    assert number_of(0, 1_000_000) != number_of(1, 1_000_000)


@pytest.mark.parametrize("distribution", [ZIPF, UNIFORM])
def test_draws_are_the_same_for_the_same_seed_only(distribution: str) -> None:
    first, again, other = (drawn(distribution, 1_000, 500, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert set(first) <= set(map(account_number, range(1_000)))


def test_arrivals_come_at_the_rate_and_irregularly() -> None:
    times = due_times(1_000.0, 10.0, seed=3)
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) == pytest.approx(10_000, rel=0.05)
    assert min(gaps) >= 0
    # Of exponential gaps 63 % are shorter than the mean one.
    assert sum(gap < 1_000_000 for gap in gaps) / len(gaps) == pytest.approx(0.632, abs=0.03)


@pytest.mark.parametrize("shape", [shapes.USUAL, *shapes.OTHERS], ids=lambda shape: shape.name)
def test_a_head_has_as_many_fields_as_its_name_says(shape: shapes.Shape) -> None:
    assert f"({len(shape.headers)} header" in shape.name
    text = shapes.filled(shapes.check("/pay/osmp", shape), 7, "20000001")
    assert text.startswith(
        b"GET /pay/osmp?command=check&txn_id=90000000000007&account=20000001&sum=10.45 HTTP/1.1\r\n"
    )
    assert text.endswith(b"\r\n\r\n")
    assert text.count(b"\r\n") == len(shape.headers) + 2


def test_the_soap_request_says_how_long_it_is() -> None:
    head, _, body = shapes.filled(shapes.soap_check("/pay/paynet"), 1, "20000001").partition(
        b"\r\n\r\n"
    )
    assert b"Content-Length: %d" % len(body) in head
    assert b"<paramValue>20000001</paramValue>" in body


def test_an_account_is_the_same_in_redis_and_in_postgresql() -> None:
    it = account(77)
    catalogue = {service.id: (service.code, service.name, service.unit) for service in CATALOGUE}
    view = decode(it.snapshot(1), it.number, catalogue)
    assert view is not None
    assert len(view.services) >= len(SERVICES)
    assert len(view.meters) == 2
    billed, paid = next(copy_texts(range(77, 78)))
    assert billed.split("\t")[:4] == [it.number, "active", view.holder, view.address]
    assert paid.split("\t")[0] == it.number


def test_the_peers_answers_are_those_of_the_codec() -> None:
    from loadtests.bench import filling
    from server.messages import AccountChecked

    for place in range(40):
        view = filling._view(account(place))
        body = OSMP.encode(filling._REQUEST, AccountChecked(view)).body
        _, rest = filling._answer(place)
        assert body == filling.ANSWER_HEAD + b"<osmp_txn_id>0</osmp_txn_id>" + rest


@pytest.mark.parametrize(
    ("found", "at_least", "verdict"),
    [
        (2.8, True, MET),
        (2.7, True, MET),
        (2.3, True, MUST_MET),
        (2.1, True, MISSED),
        (2.8, False, MISSED),
        (2.3, False, MUST_MET),
        (2.2, False, MET),
        (2.1, False, MET),
        (None, True, LEFT_OUT),
    ],
)
def test_a_verdict_follows_the_median(found: float | None, at_least: bool, verdict: str) -> None:
    must, aim = (2.2, 2.7) if at_least else (2.5, 2.2)
    measured = None if found is None else Spread(found, 0.0, 9.0, 5)
    assert Goal("a figure", must, aim, at_least, measured).verdict == verdict


def test_the_table_pairs_each_row_with_the_one_that_it_is_judged_by() -> None:
    found = samples(
        OURS_HOT=[10.0] * 5,
        OURS_ASKED=[12.0] * 5,
        OURS_SOAP=[30.0] * 5,
        NGINX_TCP=[27.0] * 5,
        NGINX_TCP_UNIFORM=[24.0] * 5,
        NGINX_UNIX=[20.0] * 5,
        AIOHTTP=[110.0] * 5,
    )
    goals = lookup_goals(found, found, None)
    medians = [goal.found.median if goal.found else None for goal in goals]
    assert medians == pytest.approx([2.7, 2.0, None, 11.0, 2.0, 0.9, 1.0, None])
    assert goal_table(goals).count(LEFT_OUT) == 2


def test_a_run_counts_only_when_its_guards_hold() -> None:
    def reasons(nginx: float = 27.0, php: float = 190.0, rounds: int = 5, **given: object) -> str:
        found = samples(NGINX_TCP=[nginx] * rounds, PHP=[php] * rounds)
        accounts = given.get("accounts", 1_000_000)
        assert isinstance(accounts, int)
        told = why_it_does_not_count(
            found, accounts=accounts, cores_are_apart=bool(given.get("apart", True))
        )
        return "; ".join(told)

    assert reasons() == ""
    assert "nginx" in reasons(nginx=36.0)
    assert "php" in reasons(php=231.0)
    assert "accounts" in reasons(accounts=100_000)
    assert "rounds" in reasons(rounds=4)
    assert "core" in reasons(apart=False)
    assert "took no part" in "; ".join(
        why_it_does_not_count(
            samples(NGINX_TCP=[20.0] * 5), accounts=1_000_000, cores_are_apart=True
        )
    )


def test_rounds_are_shuffled_and_the_warm_ones_forgotten() -> None:
    asked: list[tuple[str, int]] = []

    def measured(name: str, number: int) -> Sample:
        asked.append((name, number))
        return sample(1.0)

    rows = {name: lambda number, name=name: measured(name, number) for name in "abcdef"}
    found = interleaved(rows, 4, warm_up=2)
    assert {len(kept) for kept in found.values()} == {4}
    orders = [tuple(name for name, number in asked if number == turn) for turn in range(-2, 4)]
    assert all(sorted(order) == list("abcdef") for order in orders)
    assert len(set(orders)) > 1


def test_a_picture_is_well_formed_and_keeps_proportions() -> None:
    ours = Bar("ours & hot", Spread(10, 9, 12, 5), is_ours=True)
    picture = bars("Cost <of a check>", "µs", [ours, Bar("other", Spread(20, 20, 40, 5))])
    root = ElementTree.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    widths = [float(rect.get("width", "0")) for rect in root.iter(f"{space}rect")][1:]
    assert widths[1] == pytest.approx(2 * widths[0], abs=0.2)
    texts = [text.text for text in root.iter(f"{space}text")]
    assert {"ours & hot", "Cost <of a check>", "10.0", "20.0"} <= set(texts)
    assert all(float(text.get("x", "0")) < 860 for text in root.iter(f"{space}text"))


def test_a_full_near_cache_is_bounded_and_deaf_to_a_scan() -> None:
    near = measure_near(2_000)
    assert near.entries == 1_600
    assert near.entries_after <= near.entries_max
    assert near.hits_during > 0.99
    assert near.scanned == 6_000


def test_memory_is_judged_where_valkey_holds_most() -> None:
    near = Near(1000, 800, 257.0, 1.0, 0.5, 3000, 790)
    memory = Memory(122.0, (Store(10, 400.0, 900.0), Store(1000, 191.0, 210.0)), near)
    assert [goal.verdict for goal in memory_goals(memory)] == [MUST_MET, MET, MISSED]
    section = memory_section(memory)
    assert "| 1,000 | 191 | 210 |" in section
    assert "50.00% meanwhile" in section
