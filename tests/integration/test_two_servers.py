"""Two servers on one PostgreSQL and one Valkey: one payment, equal answers, from either."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import aiohttp
import pytest

from tests.integration.demo import READY, ROOT, Demo

_ids = itertools.count(900_000)
DATE = "20261124101010"


@pytest.fixture(scope="module")
def second(demo: Demo) -> Iterator[str]:
    """The address of a `kvitok serve` beside the demo, on the demo's servers."""
    environment = os.environ | {
        "KVITOK_DSN": demo.run("dsn")[1].strip(),
        "KVITOK_REDIS_URL": demo.run("dsn", "--redis")[1].strip(),
        "KVITOK_INSTALLATION_KEY_FILE": str(demo.directory / "installation.key"),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "server", "serve", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=environment,
    )
    assert process.stdout is not None
    yield process.stdout.readline().removeprefix(READY).strip()
    process.terminate()
    assert process.wait(timeout=15) == 0


async def _all(addresses: list[str], query: dict[str, str], path: str) -> list[str]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:

        async def get(address: str) -> str:
            async with session.get(address + path, params=query) as response:
                assert response.status == 200
                return await response.text()

        return await asyncio.gather(*map(get, addresses))


def osmp_pay(key: int, account: str) -> dict[str, str]:
    return {
        "command": "pay",
        "txn_id": str(key),
        "txn_date": DATE,
        "account": account,
        "sum": "10.00",
    }


async def test_one_id_through_both_servers_is_one_payment(demo: Demo, second: str) -> None:
    key = next(_ids)
    answers = await _all([demo.url, second] * 32, osmp_pay(key, "1000020"), "/pay/osmp")
    assert len(set(answers)) == 1
    assert "<result>0</result>" in answers[0]
    found = demo.json("payment", "list", "--account", "1000020", "--agent", "osmp")
    assert [p["agent_payment_id"] for p in found].count(str(key)) == 1


async def test_sber_gives_one_success_between_both(demo: Demo, second: str) -> None:
    query = {
        "ACTION": "payment",
        "ACCOUNT": "1000021",
        "AMOUNT": "10.00",
        "PAY_ID": str(next(_ids)),
        "PAY_DATE": "24.11.2026_10:10:10",
    }
    answers = await _all([demo.url, second] * 32, query, "/pay/sber")
    codes = Counter(text.split("<CODE>")[1].split("<")[0] for text in answers)
    assert codes == {"0": 1, "8": 63}


async def test_a_payment_at_one_server_is_soon_shown_by_the_other(demo: Demo, second: str) -> None:
    query = {"command": "check", "txn_id": "1", "account": "1000022", "sum": "0.00"}
    (before,) = await _all([second], query, "/pay/osmp")
    await _all([demo.url], osmp_pay(next(_ids), "1000022"), "/pay/osmp")
    for _ in range(200):
        if (await _all([second], query, "/pay/osmp"))[0] != before:
            return
    pytest.fail("200 checks later the other server still shows the old debt")
