"""The main job on a running demo: check, pay, repeat, conflict, sync, verify, doctor."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import aiohttp
import asyncpg
import pytest
import redis

from server.money import Money
from tests.integration.demo import Demo, until

_ids = itertools.count(10_000)
DATE = "20261124101010"


def osmp(demo: Demo, command: str, **query: str) -> str:
    status, text = demo.get("/pay/osmp", command=command, **query)
    assert status == 200
    return text


def check(demo: Demo, account: str) -> str:
    return osmp(demo, "check", txn_id="1", account=account, sum="0.00")


def pay(demo: Demo, key: str, account: str, amount: str) -> str:
    return osmp(demo, "pay", txn_id=key, txn_date=DATE, account=account, sum=amount)


@pytest.mark.parametrize(
    ("account", "shown"),
    [
        ("1004217", 'name="Долг, руб." type="disp">1523.40<'),
        ("1004217", "И*** И. И."),
        ("0000042", ">10.01<"),
        ("9000002", ">-250.00<"),
        ("9000004", ">0.00<"),
        ("9000005", "ООО &quot;Рога &amp; Копыта&quot; &lt;филиал&gt;"),
        ("9000001", "<result>79</result>"),
        ("9000003", "<result>7</result>"),
        ("42", "<result>5</result>"),
    ],
)
def test_the_fixed_accounts_are_as_promised(demo: Demo, account: str, shown: str) -> None:
    assert shown in check(demo, account)


def test_check_pay_repeat_and_conflict(demo: Demo) -> None:
    account = "1000012"
    debt = demo.debt(account)
    assert "<result>0</result>" in check(demo, account)
    paid = pay(demo, "777", account, "100.00")
    assert "<result>0</result>" in paid
    assert pay(demo, "777", account, "100.00") == paid
    assert "<result>300</result>" in pay(demo, "777", account, "100.01")
    left = f"{Money(abs(debt - 100_00))}<"
    assert left in check(demo, account)
    assert demo.debt(account) == debt - 100_00
    payments = demo.json("payment", "list", "--account", account, "--agent", "osmp")
    assert [p["amount_kopecks"] for p in payments if p["agent_payment_id"] == "777"] == [10000]


async def _at_once(url: str, queries: list[dict[str, str]]) -> list[tuple[int, str]]:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:

        async def get(query: dict[str, str]) -> tuple[int, str]:
            async with session.get(url, params=query) as response:
                return response.status, await response.text()

        return await asyncio.gather(*map(get, queries))


def osmp_query(key: str, account: str) -> dict[str, str]:
    return {
        "command": "pay",
        "txn_id": key,
        "txn_date": DATE,
        "account": account,
        "sum": "10.00",
    }


async def test_sixty_four_ids_at_once_are_sixty_four_payments(demo: Demo) -> None:
    account = "1000005"
    before = len(demo.json("payment", "list", "--account", account))
    queries = [osmp_query(str(next(_ids)), account) for _ in range(64)]
    answers = await _at_once(demo.url + "/pay/osmp", queries)
    assert {status for status, _ in answers} == {200}
    assert all("<result>0</result>" in text for _, text in answers)
    assert len(demo.json("payment", "list", "--account", account)) == before + 64


async def test_one_id_at_once_is_one_payment_and_equal_answers(demo: Demo) -> None:
    answers = await _at_once(demo.url + "/pay/osmp", [osmp_query("64000", "1000006")] * 64)
    assert len(set(answers)) == 1
    assert "<result>0</result>" in answers[0][1]
    found = demo.json("payment", "list", "--account", "1000006", "--agent", "osmp")
    assert [p["agent_payment_id"] for p in found].count("64000") == 1


async def test_sber_gives_one_success_and_sixty_three_duplicates(demo: Demo) -> None:
    query = {
        "ACTION": "payment",
        "ACCOUNT": "1000007",
        "AMOUNT": "10.00",
        "PAY_ID": "640001",
        "PAY_DATE": "24.11.2026_10:10:10",
    }
    answers = await _at_once(demo.url + "/pay/sber", [query] * 64)
    codes = Counter(text.split("<CODE>")[1].split("<")[0] for _, text in answers)
    assert codes == {"0": 1, "8": 63}
    assert len({text.split("<EXT_ID>")[1].split("<")[0] for _, text in answers}) == 1


async def test_a_charge_by_sql_is_shown_by_the_next_checks(demo: Demo) -> None:
    code, dsn = demo.run("dsn")
    assert code == 0
    before = check(demo, "1000008")
    connection = await asyncpg.connect(dsn.strip())
    try:
        service = await connection.fetchval("select code from billing.services order by id limit 1")
        await connection.execute(
            "insert into billing.charges (account, service, period, amount_kopecks)"
            " values ('1000008', $1, '2026-11-01', 12345)",
            service,
        )
        until(2, lambda: check(demo, "1000008") != before)
        await connection.execute(
            "insert into billing.accounts (number, holder, address)"
            " values ('7700001', 'Новосёлов Пётр Ильич', 'ул. Новая, д. 1, кв. 2')"
        )
        until(2, lambda: "<result>0</result>" in check(demo, "7700001"))
    finally:
        await connection.close()


def test_verify_counts_one_missing_one_stale_one_extra(demo: Demo) -> None:
    url = demo.run("dsn", "--redis")[1].strip()
    client = redis.Redis.from_url(url)
    assert demo.json("cache", "verify") | {"accounts": 0} == {
        "accounts": 0,
        "missing": 0,
        "stale": 0,
        "extra": 0,
    }
    old = client.get("a:1000009")
    assert isinstance(old, bytes)
    pay(demo, str(next(_ids)), "1000009", "10.00")
    # Allocating the payment brings the account to Redis once more.
    until(25, lambda: asyncio.run(_is_allocated(demo, "1000009")))
    until(5, lambda: demo.run("cache", "verify")[0] == 0)
    client.set("a:1000009", old)
    client.delete("a:1000010")
    client.set("a:31337", b"foreign")
    code, _ = demo.run("cache", "verify")
    assert code == 1
    counted = demo.json("cache", "verify")
    assert (counted["missing"], counted["stale"], counted["extra"]) == (1, 1, 1)
    client.delete("a:31337")
    assert demo.run("cache", "rebuild")[0] == 0
    assert demo.run("cache", "verify")[0] == 0


async def _is_allocated(demo: Demo, account: str) -> bool:
    connection = await asyncpg.connect(demo.run("dsn")[1].strip())
    try:
        taken_in: bool = await connection.fetchval(
            "select exists (select from ledger.allocated s join ledger.account_paid l"
            " on l.account = s.account and l.version = s.paid_version where s.account = $1)",
            account,
        )
        return taken_in
    finally:
        await connection.close()


def test_flushall_gives_no_final_not_found(demo: Demo) -> None:
    client = redis.Redis.from_url(demo.run("dsn", "--redis")[1].strip())
    for _ in range(5):
        client.flushall()
        for place in range(1, 40):
            answer = check(demo, f"10000{place:02d}")
            assert "<result>0</result>" in answer
    until(10, lambda: demo.run("cache", "verify")[0] == 0)


def test_health_readiness_and_metrics(demo: Demo) -> None:
    assert demo.get("/healthz")[0] == 200
    status, body = demo.get("/readyz")
    assert status == 200
    assert '"postgres": true' in body
    assert "kvitok_requests_total" in demo.get("/metrics")[1]


def test_unknown_agents_and_methods_are_refused(demo: Demo) -> None:
    assert demo.get("/pay/nobody")[0] == 404
    assert demo.get("/pay/bank")[0] == 404


def test_personal_data_is_not_in_the_log(demo: Demo) -> None:
    check(demo, "1004217")
    assert "Иванов" not in demo.log()
    assert '"account": "1004217"' not in demo.log()


def test_doctor_is_content_and_names_an_account_whose_balance_was_changed(demo: Demo) -> None:
    until(10, lambda: demo.json("doctor")["ok"])
    _dsn = demo.run("dsn")[1].strip()

    async def change(delta: int) -> None:
        connection = await asyncpg.connect(_dsn)
        await connection.execute(
            "update ledger.account_paid set advance = advance + $1 where account = '1000011'", delta
        )
        await connection.close()

    asyncio.run(change(1))
    try:
        code, out = demo.run("doctor", "--json")
        assert code == 1
        assert "1000011" in out
    finally:
        asyncio.run(change(-1))
    assert demo.json("doctor")["ok"]
