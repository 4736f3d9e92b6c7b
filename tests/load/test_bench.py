"""The bench against a real server, for a second; and the page that it writes."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from loadtests.bench import names, shapes
from loadtests.bench.filling import fill_postgres
from loadtests.bench.keys import UNIFORM, drawn
from loadtests.bench.load import Generator, LoadFailed, Sample, Target
from loadtests.bench.lookups import HALF, STEADY, Lookups, never_cached
from loadtests.bench.machine import Cores
from loadtests.bench.ours import INSTALLATION_KEY, OurServer
from loadtests.bench.peers.launch import Programs
from loadtests.bench.posting_report import posting_goals
from loadtests.bench.posting_run import (
    BATCH,
    CORE_FEW,
    CORE_MANY,
    ONE_FEW,
    ONE_MANY,
    OURS_HTTP,
    PEER_HTTP,
    Posting,
)
from loadtests.bench.report import BEGIN, END, Run, pictures, replaced, section
from loadtests.bench.sizes import ASKED, CACHED, Sizes

ACCOUNTS = 50
PAGE = Path(__file__).parents[2] / "docs/performance.md"


def test_a_second_of_each_load_against_a_real_server(
    database_dsn: str, valkey_url: str, tmp_path: Path
) -> None:
    for _ in range(2):  # the second time as after a run that was ended too early
        asyncio.run(fill_postgres(database_dsn, ACCOUNTS, INSTALLATION_KEY))
    cores = Cores.here()
    where = database_dsn, valkey_url
    with OurServer(where, tmp_path, "ours", cores, never_cached()) as server:
        server.wait_until_complete()
        before = server.near_cache()["misses"]
        keys = drawn(UNIFORM, ACCOUNTS, 1_000, 1)
        checks = Target(server.port, shapes.check("/pay/osmp"), [server.pid])
        soap = Target(server.port, shapes.soap_check("/pay/paynet"), [server.pid])
        ours = Generator(tmp_path, cores, wrk="")
        closed = ours.closed(checks, keys, 1, 1)
        both = [closed, ours.closed(soap, keys, 1, 2), ours.open(checks, keys, 1, 3, 50.0)]
        assert server.near_cache()["misses"] > before
        if shutil.which("wrk"):
            both.append(Generator(tmp_path, cores).closed(checks, keys, 1, 4))
        for sample in both:
            assert sample.requests > 0
            assert sample.server_cpu_seconds > 0
            assert sample.rate > 0
        assert closed.latencies_us["p50"] > 0
        assert both[2].late == 0
        unknown = Target(server.port, shapes.check("/pay/nobody"), [server.pid])
        with pytest.raises(LoadFailed):
            ours.closed(unknown, keys, 1, 5)


def test_a_peer_that_is_not_installed_is_named_with_what_would_bring_it() -> None:
    missing = Programs(nginx="", modules="", php="/usr/sbin/php-fpm").missing()
    assert set(missing) == {
        *(names.NGINX_STATIC, names.NGINX_TCP, names.NGINX_UNIX, names.NGINX_DICT),
        names.PHP,
    }
    assert "libnginx-mod-http-lua" in missing[names.NGINX_TCP]
    assert Programs(nginx="nginx", modules="modules", php="php-fpm").missing() == {}


def row(cost_us: float) -> list[Sample]:
    """Five rounds at this cost."""
    latencies = {"p50": 100.0 + cost_us, "p99": 500.0, "p99.9": 900.0}
    return [Sample(1_000, 1.0, cost_us / 1_000, 0.002, 0.5, latencies)] * 5


def run() -> Run:
    """A whole run, made up."""
    hot = {name: row(10) for name in (names.OURS_HOT, names.OURS_ASKED, names.OURS_SOAP)}
    hot |= {names.of_shape(shape.name): row(11) for shape in shapes.OTHERS}
    peers = {names.NGINX_TCP: row(27), names.NGINX_TCP_UNIFORM: row(27), names.PHP: row(190)}
    steady = {names.OURS_HOT: row(10), names.NGINX_TCP: row(30)}
    rates = (CORE_MANY, 4_500.0), (ONE_MANY, 1_000.0), (BATCH, 9_000.0), (CORE_FEW, 900.0)
    return Run(
        machine={"processor": "a processor"},
        generator="wrk",
        cores_are_apart=True,
        load_averages=(0.1, 2.0, 2.1, 1.9),
        accounts=1_000_000,
        lookups=Lookups(
            samples=hot | peers,
            latency={STEADY: steady, HALF: steady},
            hit_share=0.93,
            fast_share=0.999,
            missing={names.NGINX_DICT: "a package"},
            versions={"nginx": "1.0"},
            body_bytes=855,
            bytes_per_account=180.0,
            rebuild_seconds=19.0,
        ),
        sizes=Sizes(
            (10, 20),
            {f"{n}, {mode}": row(n) for n in (10, 20) for mode in (ASKED, CACHED)},
            {10: 250.0, 20: 190.0},
        ),
        posting=Posting(
            core={
                name: [{"per_second": rate, "p50_ms": 8.0, "p99_ms": 20.0}] * 5
                for name, rate in (*rates, (ONE_FEW, 1_000.0))
            },
            http={OURS_HTTP: row(110), PEER_HTTP: row(250)},
            later_us=[10.0] * len(row(110)),
            batch_by="pgbench 15",
            accounts=100,
        ),
    )


def test_the_page_gets_the_whole_run_and_keeps_what_is_around_it() -> None:
    made = section(run())
    page = replaced(f"before\n{BEGIN}\nold\n{END}\nafter\n", made)
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "\nold\n" not in page
    for told in (
        "**This run counts.**",
        "≥ 2.2 | ≥ 2.7 | 2.70 (2.70–2.70) | aim met",
        "≤ 1.1 | ≤ 1 | 2.00 (2.00–2.00) | **missed**",
        "before the run 0.1, after its parts 2.0, 2.1, 1.9",
        "93.0% of the checks",
        "99.9% on the fast lane",
        f"{names.NGINX_DICT} (a package)",
        "≥ 4.5 | ≥ 6.5 | 4.50 (4.50–4.50) | must met",
        "≤ 0.45 | ≤ 0.45 | 0.40 (0.40–0.40) | aim met",
        "10.0 (10.0–10.0) µs of ours for each",
    ):
        assert told in page
    assert replaced(page, made) == page


def test_a_part_that_was_not_run_is_not_reported() -> None:
    whole = run()
    only = Run(whole.machine, "wrk", True, (0.1, 2.0), 1_000, None, None, whole.posting)
    assert "### Payments" in section(only)
    assert "hot check" not in section(only)
    assert pictures(only) == {}


def test_the_goals_of_posting_pair_the_right_rows() -> None:
    posting = run().posting
    assert posting is not None
    medians = [goal.found.median for goal in posting_goals(posting) if goal.found]
    assert medians == pytest.approx([4.5, 0.5, 1.0, 0.4])


def test_the_page_of_this_repository_has_a_place_for_a_run() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, "a run\n") != page
    with pytest.raises(ValueError, match="has no"):
        replaced("a page", "a run\n")
