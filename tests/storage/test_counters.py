"""Searches, batches and business days of offices on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import asyncpg
import pytest

from server.messages import Address
from server.money import Money
from server.offices import CloseDay, DayClosed, DayDiffers, OfficeDifference, OfficeTotal
from server.payments.ports import Action, Move, Order, OutcomeUnknown, Result
from server.storage.counters import PostgresCounters
from server.storage.ledger import PostgresLedger
from server.storage.mismatches import cases
from server.storage.registries import registries, registry_lines
from tests.storage.conftest import Pool, proof

AT = dt.datetime(2026, 11, 24, 9, 0, tzinfo=dt.UTC)
DAY = AT.date()
ORDER = Order("osmp", "1", "1000001", Money(1000), AT, DAY, terminal="101000/1/7")
FIRST = OfficeTotal("101000", 2, Money(3000))
SECOND = OfficeTotal("190000", 1, Money(4000))


@pytest.fixture
def counters(pool: Pool) -> PostgresCounters:
    return PostgresCounters(pool)


async def take(ledger: PostgresLedger) -> None:
    """Three payments at two offices, and a fourth that is cancelled."""
    orders = [
        ORDER,
        replace(ORDER, agent_payment_id="2", account="1000002", amount=Money(2000)),
        replace(ORDER, agent_payment_id="3", amount=Money(4000), terminal="190000/2/9"),
        replace(ORDER, agent_payment_id="4", amount=Money(5000)),
    ]
    for order in orders:
        assert (await ledger.post(order)).result is Result.ACCEPTED
    await cancel(ledger, "4")


async def cancel(ledger: PostgresLedger, number: str) -> Result:
    posted = await ledger.move(Move(Action.CANCEL, "osmp", DAY, agent_payment_id=number))
    return posted.result


def closing(*offices: OfficeTotal, despite: bool = False) -> CloseDay:
    return CloseDay(DAY, offices, despite_differences=despite)


# --- searches ---------------------------------------------------------------------------------


async def settle_village(pool: Pool) -> None:
    await pool.execute(
        """
        insert into billing.houses (company, street, building, postcode)
          values (1, 'ул. Зелёная', '12 корп. 1', '101000');
        insert into billing.accounts (number, holder, address, house, flat, unified_account) values
          ('2000001', 'Сидоров Пётр', 'ул. Зелёная, д. 12 корп. 1, кв. 3', 1, '3', '75ДА533315'),
          ('2000002', 'Сидорова Анна', 'ул. Зелёная, д. 12 корп. 1, кв. 4', 1, '4', null);
        insert into billing.accounts (number, holder, address, state, unified_account) values
          ('3000001', 'Ким Олег', '309100, с. Ивановка, улица Ленина, дом 5а, кв. 1', 'active',
           '31СО000001'),
          ('3000002', 'Ким Ольга', '309200, с. Петровка, ул. Ленина, д.5А, кв.1', 'active', null),
          ('3000003', 'Ким Егор', 'с. Петровка, пер. Ленина, 5 А, пом. 2', 'active', null),
          ('3000004', 'Ким Юрий', 'с. Петровка, ул. Ленина, д. 5а, кв. 9', 'closed', null);
        """
    )


@pytest.mark.parametrize(
    ("address", "numbers"),
    [
        (Address("Зеленая", "12к1", "3"), ["2000001"]),
        (Address("улица ЗЕЛЁНАЯ", "д. 12, корп. 1"), ["2000001", "2000002"]),
        (Address("Зеленая", "12к1", "кв. 4"), ["2000002"]),
        (Address("Зеленая", "12", "3"), []),
        (Address("Зеленая", "12к1", "3", postcode="101000"), ["2000001"]),
        (Address("Зеленая", "12к1", "3", postcode="101001"), []),
        (Address("ленина", "5А", "1"), ["3000001", "3000002"]),
        (Address("ленина", "5А", "1", settlement="ивановка"), ["3000001"]),
        (Address("Ленина", "5а", "1", postcode="309200"), ["3000002"]),
        (Address("Ленина", "5а"), ["3000001", "3000002", "3000003"]),
        (Address("Ленина", "5а", "2", settlement="ПЕТРОВКА"), ["3000003"]),
        (Address("Лен%", "5а"), []),
        (Address("Садовая", "5", "12"), ["1000001"]),
    ],
    ids=str,
)
async def test_an_address_is_found_however_it_is_said(
    pool: Pool, counters: PostgresCounters, address: Address, numbers: list[str]
) -> None:
    await settle_village(pool)
    assert list(await counters.by_address(address, 10)) == numbers
    assert list(await counters.by_address(address, 1)) == numbers[:2]


async def test_an_address_is_looked_up_by_an_index(pool: Pool) -> None:
    await settle_village(pool)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local enable_seqscan = off")
        for query in (
            "select from billing.accounts where house is null and billing.place_key(address) = 'x'",
            (
                "select from billing.houses where billing.street_key(street) || '|' ||"
                " billing.building_key(building) = 'x'"
            ),
            (
                "select from billing.accounts where unified_account is not null and"
                " billing.unified_key(unified_account) = 'x'"
            ),
        ):
            plan = "\n".join(row[0] for row in await connection.fetch(f"explain {query}"))
            assert "Index Cond" in plan


@pytest.mark.parametrize("number", ["75ДА533315", "75дA533315", "75да533315"])
async def test_a_unified_account_is_read_in_either_alphabet(
    pool: Pool, counters: PostgresCounters, number: str
) -> None:
    await settle_village(pool)
    assert await counters.by_unified_account(number) == ("2000001",)
    assert await counters.by_unified_account("31co000001") == ("3000001",)
    assert await counters.by_unified_account("31СО000002") == ()


async def test_searches_are_counted_among_all_servers(
    counters: PostgresCounters, database_dsn: str
) -> None:
    async with asyncpg.create_pool(database_dsn, min_size=1, max_size=4) as other_pool:
        servers = (counters, PostgresCounters(other_pool))
        admitted = await asyncio.gather(
            *(servers[place % 2].admit_search("osmp", 5) for place in range(20))
        )
    # The minute may end meanwhile, and then another five are admitted.
    assert admitted.count(True) in (5, 10)
    assert await counters.admit_search("sber", 5)


# --- batches ----------------------------------------------------------------------------------


async def test_a_batch_id_stands_for_the_content_that_came_first(
    counters: PostgresCounters, pool: Pool
) -> None:
    claims = await asyncio.gather(
        *(counters.claim_batch("osmp", "b", f"content {place % 4}", 3) for place in range(16))
    )
    assert len(set(claims)) == 1
    assert await counters.claim_batch("sber", "b", "another", 3) == "another"
    with pytest.raises(asyncpg.RestrictViolationError):
        await pool.execute("update ledger.batch set content = ''")


# --- days -------------------------------------------------------------------------------------


async def test_a_day_shows_the_sums_of_what_is_credited(
    counters: PostgresCounters, ledger: PostgresLedger
) -> None:
    await take(ledger)
    day = await counters.day("osmp", DAY, "", 0, 10)
    assert (day.closed_at, day.offices, day.payments) == (None, (FIRST, SECOND), ())
    first = await counters.day("osmp", DAY, "101000", 0, 2)
    assert [each.agent_payment_id for each in first.payments] == ["1", "2"]
    assert {each.business_day for each in first.payments} == {DAY}
    assert first.more
    rest = await counters.day("osmp", DAY, "101000", first.payments[-1].payment_id, 2)
    assert [(each.agent_payment_id, each.state.value) for each in rest.payments] == [
        ("4", "cancelled")
    ]
    assert not rest.more
    assert (await counters.day("osmp", dt.date(2020, 1, 1), "101000", 0, 2)).offices == ()


async def test_a_day_with_equal_sums_is_closed_and_becomes_a_registry(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    await take(ledger)
    done = await counters.close_day("osmp", closing(SECOND, FIRST))
    assert isinstance(done, DayClosed)
    assert (done.offices, done.differences) == ((FIRST, SECOND), ())
    async with pool.acquire() as connection:
        (registry,) = await registries(connection, agent="osmp")
        lines = await registry_lines(connection, done.registry_id)
    assert registry.registry_id == done.registry_id
    assert (registry.format, registry.day, registry.lenient) == ("day_closing", DAY, False)
    assert (registry.lines, registry.matched, registry.declared_total_kopecks) == (3, 3, 7000)
    assert registry.buckets == {"already_online": 7000}
    assert registry.mismatches == {}
    assert [(each.operation, each.account, each.amount_kopecks) for each in lines] == [
        ("1", "1000001", 1000), ("2", "1000002", 2000), ("3", "1000001", 4000),
    ]  # fmt: skip
    assert all(each.payment_id for each in lines)
    assert await counters.close_day("osmp", closing(FIRST, SECOND)) == done
    assert await proof(pool) == ()


async def test_after_the_closing_nothing_joins_the_day_and_nothing_leaves_it(
    counters: PostgresCounters, ledger: PostgresLedger
) -> None:
    await take(ledger)
    await counters.close_day("osmp", closing(FIRST, SECOND))
    late = await ledger.post(replace(ORDER, agent_payment_id="5"))
    assert late.result is Result.DAY_CLOSED
    tomorrow = DAY + dt.timedelta(days=1)
    move = Move(Action.CANCEL, "osmp", tomorrow, agent_payment_id="1")
    assert (await ledger.move(move)).result is Result.FORBIDDEN
    assert (await counters.day("osmp", DAY, "", 0, 1)).offices == (FIRST, SECOND)


async def test_a_day_whose_sums_differ_stays_open_and_says_what_differs(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    await take(ledger)
    wrong = OfficeTotal("101000", 2, Money(3001))
    strange = OfficeTotal("620000", 1, Money(1))
    told = await counters.close_day("osmp", closing(wrong, strange))
    assert told == DayDiffers(
        DAY,
        (FIRST, SECOND),
        (
            OfficeDifference("101000", wrong, FIRST),
            OfficeDifference("190000", None, SECOND),
            OfficeDifference("620000", strange, None),
        ),
    )
    await counters.close_day("osmp", closing(strange, wrong))
    (refusal,) = await pool.fetch(
        "select r.message, f.name, b.content from recon.refusals r"
        " join recon.files f on f.id = r.file join recon.file_blocks b on b.file = f.id"
    )
    assert "Отделение 101000: заявлено 2 на 30.01, учтено 2 на 30.00" in refusal["message"]
    assert "Отделение 620000: заявлено 1 на 0.01, учтено нет" in refusal["message"]
    assert b"101000;2;30.01\r\n" in refusal["content"]
    assert (await counters.day("osmp", DAY, "", 0, 1)).closed_at is None
    late = await ledger.post(replace(ORDER, agent_payment_id="5", amount=Money(1)))
    assert late.result is Result.ACCEPTED
    right = OfficeTotal("101000", 3, Money(3001))
    assert isinstance(await counters.close_day("osmp", closing(right, SECOND)), DayClosed)


async def test_a_day_closed_despite_of_differences_is_a_case(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    await take(ledger)
    wrong = OfficeTotal("101000", 3, Money(3500))
    done = await counters.close_day("osmp", closing(wrong, SECOND, despite=True))
    assert isinstance(done, DayClosed)
    assert done.differences == (OfficeDifference("101000", wrong, FIRST),)
    async with pool.acquire() as connection:
        (case,) = await cases(connection, registry=done.registry_id)
    assert (case.kind.value, case.state.value) == ("TOTAL_DIFFERS", "open")
    assert case.amount == Money(-500)
    assert "заявлено 3 на 35.00, учтено 2 на 30.00" in str(case.details)
    assert await counters.close_day("osmp", closing(wrong, SECOND, despite=True)) == done
    other = await counters.close_day("osmp", closing(FIRST, SECOND))
    assert isinstance(other, DayDiffers)
    assert (other.closed_at, other.differences) == (done.closed_at, ())


async def test_an_empty_day_and_an_office_without_payments_agree(
    counters: PostgresCounters, pool: Pool
) -> None:
    nothing = OfficeTotal("101000", 0, Money(0))
    done = await counters.close_day("osmp", closing(nothing))
    assert isinstance(done, DayClosed)
    assert (done.offices, done.differences) == ((), ())
    async with pool.acquire() as connection:
        (registry,) = await registries(connection, agent="osmp")
    assert (registry.lines, registry.computed_total_kopecks) == (0, 0)


async def test_a_day_closed_otherwise_is_not_closed_again(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    await take(ledger)
    await pool.execute("update ledger.business_day set closed_at = now()")
    told = await counters.close_day("osmp", closing(FIRST, SECOND))
    assert isinstance(told, DayDiffers)
    assert told.closed_at is not None
    assert told.differences == ()


async def test_payments_that_stand_in_a_registry_already_are_carried(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    await take(ledger)
    first = await counters.close_day("osmp", closing(FIRST, SECOND))
    assert isinstance(first, DayClosed)
    # As if an earlier registry had told of the next day's payment.
    tomorrow = DAY + dt.timedelta(days=1)
    at = AT + dt.timedelta(days=1)
    later = await ledger.post(
        replace(ORDER, agent_payment_id="9", paid_at=at, business_day=tomorrow)
    )
    assert later.payment is not None
    await pool.execute("update ledger.business_day set closed_at = null where day = $1", tomorrow)
    assert not await ledger.is_settled("osmp", later.payment.payment_id)
    await pool.execute(
        "alter table recon.lines disable trigger all;"
        " update recon.lines set payment_id = (select payment_id from ledger.payment"
        " where agent_payment_id = '9') where operation = '3';"
        " alter table recon.lines enable trigger all"
    )
    assert await ledger.is_settled("osmp", later.payment.payment_id)
    office = OfficeTotal("101000", 1, Money(1000))
    done = await counters.close_day("osmp", CloseDay(tomorrow, (office,)))
    assert isinstance(done, DayClosed)
    line = await pool.fetchrow(
        "select same_as, payment_id from recon.lines where registry = $1", done.registry_id
    )
    assert line is not None
    assert line["same_as"] is not None
    assert line["payment_id"] is None


async def test_payments_and_closings_at_once_are_in_the_day_or_after_it(
    counters: PostgresCounters, ledger: PostgresLedger, pool: Pool
) -> None:
    """Whatever was accepted on the day stands in its registry, and nothing else."""
    await take(ledger)

    async def pay(number: int) -> Result:
        order = replace(ORDER, agent_payment_id=f"p{number}", amount=Money(1))
        return (await ledger.post(order)).result

    paying = [asyncio.create_task(pay(number)) for number in range(60)]
    await asyncio.sleep(0.01)
    while True:
        sums = (await counters.day("osmp", DAY, "", 0, 1)).offices
        try:
            done = await counters.close_day("osmp", closing(*sums))
        except OutcomeUnknown:
            continue
        if isinstance(done, DayClosed):
            break
    results = await asyncio.gather(*paying)
    assert set(results) <= {Result.ACCEPTED, Result.DAY_CLOSED}
    stands = await pool.fetchval("select count(*) from recon.lines")
    assert stands == 3 + results.count(Result.ACCEPTED)
    assert await proof(pool) == ()
