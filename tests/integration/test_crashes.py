"""Kill -9 during load, then start again: nothing lost, nothing double, repeats byte-identical."""

from __future__ import annotations

import threading
import time
import urllib.error
from pathlib import Path

import pytest
import redis

from tests.integration.demo import Demo, until

ACCOUNTS = [f"10000{place:02d}" for place in range(1, 41)]


class Payer:
    """Pays one sum after another under new ids; remembers every answer it got."""

    def __init__(self, demo: Demo, name: int) -> None:
        self._demo = demo
        self._name = name
        self.answers: dict[str, str] = {}
        self.unanswered: list[str] = []
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        number = 0
        while not self.stopping.is_set():
            number += 1
            key = f"{self._name}{number:06d}"
            try:
                self.answers[key] = pay(self._demo, key)
            except (OSError, urllib.error.URLError):
                self.unanswered.append(key)
                time.sleep(0.05)


def pay(demo: Demo, key: str) -> str:
    account = ACCOUNTS[int(key) % len(ACCOUNTS)]
    status, text = demo.get(
        "/pay/osmp",
        command="pay",
        txn_id=key,
        txn_date="20261124101010",
        account=account,
        sum="10.00",
    )
    assert status == 200
    return text


@pytest.mark.timeout(180)
def test_kill_nine_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo", workers=2) as demo:
        kill_under_load(demo)


def kill_under_load(demo: Demo) -> None:
    payers = [Payer(demo, name) for name in range(1, 5)]
    time.sleep(2)
    demo.kill()
    for payer in payers:
        payer.stopping.set()
        payer.thread.join()
    answered = {key: text for payer in payers for key, text in payer.answers.items()}
    answered = {key: text for key, text in answered.items() if "<result>0</result>" in text}
    unanswered = [key for payer in payers for key in payer.unanswered]
    assert len(answered) > 20

    demo.start()
    redis.Redis.from_url(demo.run("dsn", "--redis")[1].strip()).flushall()
    assert {key: pay(demo, key) for key in answered} == answered
    for key in unanswered:
        assert "<result>0</result>" in pay(demo, key)
    recorded = [p["agent_payment_id"] for p in demo.json("payment", "list", "--agent", "osmp")]
    ours = [key for key in recorded if key in answered or key in set(unanswered)]
    assert sorted(ours) == sorted([*answered, *unanswered])
    assert demo.json("doctor")["checks"][3]["ok"]
    until(20, lambda: demo.run("cache", "verify")[0] == 0)
    until(10, lambda: demo.json("doctor")["ok"])
    assert demo.stop() == 0


def test_a_second_start_keeps_all_data_and_a_stop_leaves_nothing_running(tmp_path: Path) -> None:
    with Demo(tmp_path / "demo", accounts=20) as demo:
        stop_and_start_again(demo)


def test_a_killed_demo_leaves_nothing_outside_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    with Demo(tmp_path / "demo", accounts=20) as demo:
        left = demo.directory / "metrics" / "counter_1.db"
        left.write_bytes(b"of a killed process")
        demo.kill()
        demo.start()
        assert not left.exists()
        demo.kill()
    assert not list((tmp_path / "tmp").glob("kvitok-*"))


def stop_and_start_again(demo: Demo) -> None:
    assert "<result>0</result>" in pay(demo, "1000001")
    before = demo.json("account", "show", "1000002")
    assert demo.stop() == 0
    assert demo.run("dsn")[0] == 3
    demo.start()
    assert demo.json("account", "show", "1000002") == before
    assert "<result>0</result>" in pay(demo, "1000001")
    assert demo.stop() == 0
