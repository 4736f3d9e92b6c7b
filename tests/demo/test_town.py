"""The demo town as PostgreSQL sees it: whole, masked, numbered, dated."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from server.demo.catalogue import SERVICES
from server.demo.payments import FIRST_PAYMENT_ID, TRAFFIC
from server.storage.proof import default_partition_rows, differences
from tests.demo.towns import ACCOUNTS, TODAY

MONTHS_BILLED = [dt.date(2025, month, 1) for month in range(3, 13)] + [
    dt.date(2026, 1, 1),
    dt.date(2026, 2, 1),
]


async def test_the_ledger_proof_finds_no_difference(town: asyncpg.Connection) -> None:
    assert await differences(town) == ()
    assert set((await default_partition_rows(town)).values()) == {0}


async def test_numbers_go_upward_past_the_fixed_ones(town: asyncpg.Connection) -> None:
    numbers = [row[0] for row in await town.fetch("select number from billing.accounts order by 1")]
    ordinary = [str(number) for number in range(1_000_001, 1_000_001 + ACCOUNTS)]
    fixed = ["0000042", "1004217", *(f"900000{last}" for last in range(1, 6))]
    assert numbers == sorted([*ordinary, *fixed])


async def test_sums_by_service_add_up_to_the_debt(town: asyncpg.Connection) -> None:
    wrong = await town.fetch("""
        with lanes as (
          select b.account, (select sum(x) from unnest(b.charged) x)
                 - coalesce((select sum(x) from unnest(p.paid) x), 0) - p.advance as debt
            from ledger.account_billed b join ledger.account_paid p using (account)
        ), entries as (
          select account, sum(kopecks) as debt from (
            select account, amount_kopecks as kopecks from billing.charges
            union all
            select p.account, -e.amount_kopecks from ledger.payment_event e
              join ledger.payment p on p.payment_id = e.payment_id) e group by account
        )
        select * from lanes full join entries using (account)
         where lanes.debt is distinct from entries.debt""")
    assert wrong == []


async def test_services_of_a_lane_are_those_charged_in_ascending_order(
    town: asyncpg.Connection,
) -> None:
    wrong = await town.fetch("""
        select b.account from ledger.account_billed b left join (
          select account, array_agg(id order by id) as services, array_agg(sum order by id) as sums
            from (select c.account, s.id, sum(c.amount_kopecks)::bigint as sum
                    from billing.charges c join billing.services s on s.code = c.service
                   group by 1, 2) c group by account) c using (account)
         where b.services is distinct from c.services or b.charged is distinct from c.sums""")
    assert wrong == []
    wrong = await town.fetch("""
        select l.account from ledger.account_paid l left join (
          select account, array_agg(id order by id) as services, array_agg(sum order by id) as sums
            from (select p.account, u.id, sum(u.kopecks)::bigint as sum
                    from ledger.payment p, unnest(p.part_services, p.part_amounts) u(id, kopecks)
                   group by 1, 2) p group by account) p using (account)
         where l.services is distinct from coalesce(p.services, '{}')
            or l.paid is distinct from coalesce(p.sums, '{}')""")
    assert wrong == []


async def test_holders_and_addresses_are_masked_as_the_schema_masks_them(
    town: asyncpg.Connection,
) -> None:
    wrong = await town.fetch("""
        select a.number, b.holder, b.address from billing.accounts a
          join ledger.account_billed b on b.account = a.number
         where b.state <> a.state or b.address <> billing.shown_address(a.address)
            or b.holder <> billing.shown_holder(a.holder, case
                 when billing.is_organisation(a.holder) then 'organisation' else 'person' end)""")
    assert wrong == []
    shown = await town.fetchval("select holder from ledger.account_billed where account = $1",
                                "1000001")  # fmt: skip
    assert "***" in shown or "«" in shown


async def test_the_lane_shows_the_last_readings(town: asyncpg.Connection) -> None:
    for row in await town.fetch("select account from ledger.account_billed"):
        await town.execute("call ledger.absorb_readings($1)", row["account"])
    changed = "select count(*) from ledger.account_billed where version <> 1"
    assert await town.fetchval(changed) == 0
    read = await town.fetchrow(
        "select count(*) as meters, max(months) as most, min(months) as least from"
        " (select count(*) as months from ledger.reading group by account, meter) r"
    )
    assert read is not None
    assert (read["most"], read["least"]) == (12, 12)
    assert read["meters"] == await town.fetchval("select count(*) from billing.meters")
    assert 0.7 * ACCOUNTS < read["meters"] < 1.25 * ACCOUNTS


async def test_metered_use_is_what_is_billed(town: asyncpg.Connection) -> None:
    tariff = {service.code: service.kopecks_per_unit for service in SERVICES}
    rows = await town.fetch("""
        select s.code, c.amount_kopecks, r.value_thousandths - r.before as used
          from (select account, meter, read_on, value_thousandths,
                       lag(value_thousandths) over (partition by account, meter order by read_on)
                         as before from ledger.reading) r
          join billing.meters m on m.account = r.account and m.number = r.meter
          join billing.services s on s.id = m.service
          join billing.charges c on c.account = r.account and c.service = s.code
               and c.period = date_trunc('month', r.read_on)
         where r.before is not null""")
    assert len(rows) > ACCOUNTS
    for row in rows:
        assert row["used"] > 0
        assert row["amount_kopecks"] == (tariff[row["code"]] * row["used"] + 500) // 1000


async def test_every_month_of_the_year_is_billed_and_heating_has_a_season(
    town: asyncpg.Connection,
) -> None:
    rows = await town.fetch("select distinct period from billing.charges order by 1")
    assert [row["period"] for row in rows] == MONTHS_BILLED
    rows = await town.fetch(
        "select distinct extract(month from period)::int as month from billing.charges"
        " where service = 'heating' and account between '1000001' and '1004000'"
    )
    assert {row["month"] for row in rows} == {10, 11, 12, 1, 2, 3, 4}


async def test_nothing_lies_in_the_future(town: asyncpg.Connection) -> None:
    midnight = dt.datetime.combine(TODAY, dt.time(0), ZoneInfo("Europe/Moscow"))
    for column in (
        "paid_at from ledger.payment",
        "recorded_at from ledger.payment",
        "happened_at from ledger.payment_event",
        "recorded_at from ledger.payment_key",
        "created_at from billing.charges",
        "created_at from billing.accounts",
        "recorded_at from ledger.reading",
    ):
        name = column.split()[0]
        latest = await town.fetchval(f"select max({name}) from {column.split(' from ')[1]}")
        assert latest < midnight, column
    assert await town.fetchval("select max(read_on) from ledger.reading") < TODAY
    assert await town.fetchval("select max(paid_at)::date from ledger.payment") >= dt.date(
        2026, 3, 14
    )


async def test_payments_keep_to_their_agents_limits_days_and_accounts(
    town: asyncpg.Connection,
) -> None:
    wrong = await town.fetch("""
        select p.payment_id from ledger.payment p join ledger.agents a on a.name = p.agent
         where p.amount_kopecks not between a.amount_min_kopecks and a.amount_max_kopecks
            or (p.paid_at at time zone a.zone)::date <> p.business_day
            or not exists (select from ledger.business_day d
                            where d.agent = p.agent and d.day = p.business_day)
            or not exists (select from billing.accounts b where b.number = p.account)
            or p.recorded_at not between p.paid_at and p.paid_at + interval '10 s'""")
    assert wrong == []
    assert {row[0] for row in await town.fetch("select distinct agent from ledger.payment")} == set(
        TRAFFIC
    )


async def test_every_payment_has_its_key_and_its_events(town: asyncpg.Connection) -> None:
    wrong = await town.fetch("""
        select p.payment_id from ledger.payment p
          left join ledger.payment_key k on k.agent = p.agent
               and k.agent_payment_id = p.agent_payment_id
          left join ledger.payment_event e on e.payment_id = p.payment_id and e.seq = 1
         where k.payment_id is distinct from p.payment_id or k.recorded_at <> p.recorded_at
            or k.fingerprint <> p.account || e'\\x1f' || p.amount_kopecks || e'\\x1f'
            or e.kind is distinct from 'credited' or e.amount_kopecks <> p.amount_kopecks
            or e.payment_recorded_at <> p.recorded_at""")
    assert wrong == []
    counts = await town.fetchrow("""
        select (select count(*) from ledger.payment_key) as keys, count(*) as payments,
               count(distinct payment_id) as ids, min(payment_id) as first,
               (select last_value from ledger.payment_id) - max(payment_id) as room
          from ledger.payment""")
    assert counts is not None
    assert counts["keys"] == counts["payments"] == counts["ids"]
    assert counts["first"] >= FIRST_PAYMENT_ID
    assert counts["room"] >= 0


async def test_cancelled_payments_are_opposite_entries(town: asyncpg.Connection) -> None:
    rows = await town.fetch("""
        select p.amount_kopecks + e.amount_kopecks as rest, e.kind, e.happened_at > p.recorded_at
          from ledger.payment_event e join ledger.payment p on p.payment_id = e.payment_id
         where e.seq = 2""")
    assert len(rows) > 0
    assert {tuple(row) for row in rows} == {(0, "cancelled", True)}


async def test_only_an_agent_that_keeps_a_fee_has_amounts_of_103fz(
    town: asyncpg.Connection,
) -> None:
    wrong = await town.fetch("""
        select p.payment_id from ledger.payment p left join ledger.payment_amounts a
            on a.payment_id = p.payment_id
         where (a.payment_id is not null) <> (p.agent = 'bank')
            or a.credited_kopecks <> p.amount_kopecks""")
    assert wrong == []


async def test_the_last_five_days_are_open(town: asyncpg.Connection) -> None:
    rows = await town.fetch(
        "select day, closed_at, zone from ledger.business_day d join ledger.agents a"
        " on a.name = d.agent"
    )
    assert max(row["day"] for row in rows) == TODAY - dt.timedelta(days=1)
    for row in rows:
        assert (row["closed_at"] is None) == (row["day"] >= TODAY - dt.timedelta(days=5))
        if row["closed_at"] is not None:
            local = row["closed_at"].astimezone(ZoneInfo(row["zone"]))
            assert (local.date(), local.hour) == (row["day"] + dt.timedelta(days=1), 10)


async def test_demo_agents_are_there_without_secrets_and_for_loopback(
    town: asyncpg.Connection,
) -> None:
    rows = {row["name"]: row for row in await town.fetch("select * from ledger.agents")}
    assert {"osmp", "sber", "paynet", "bank", "kiosk"} <= set(rows)
    for row in rows.values():
        assert [str(network) for network in row["allow_list"]] == ["127.0.0.0/8", "::1/128"]
        assert (row["amount_min_kopecks"], row["amount_max_kopecks"]) == (100, 1_500_000)
        assert row["secrets"] is None
    assert rows["bank"]["protocol"] == rows["kiosk"]["protocol"] == ""
    assert rows["osmp"]["protocol"] == "osmp"


async def test_most_people_owe_a_bill_at_most_some_owe_more_and_few_are_ahead(
    town: asyncpg.Connection,
) -> None:
    rows = await town.fetch("""
        select (select sum(x) from unnest(b.charged) x)
               - coalesce((select sum(x) from unnest(p.paid) x), 0) - p.advance as debt, c.last
          from ledger.account_billed b join ledger.account_paid p using (account)
          join (select account, sum(amount_kopecks) as last from billing.charges
                 where period = '2026-02-01' group by account) c using (account)""")
    bills = [row["debt"] / row["last"] for row in rows]
    assert 0.55 < sum(owed <= 1 for owed in bills) / len(bills) < 0.9
    assert 0.05 < sum(owed > 3 for owed in bills) / len(bills) < 0.25
    assert 0.02 < sum(owed < 0 for owed in bills) / len(bills) < 0.12


async def test_houses_differ_and_flats_are_numbered_within_them(town: asyncpg.Connection) -> None:
    sizes = await town.fetch(
        "select house, count(*) as flats, count(distinct flat) as numbers from billing.accounts"
        " where number like '1%' group by house"
    )
    assert all(row["flats"] == row["numbers"] for row in sizes)
    assert len({row["flats"] for row in sizes}) >= 5
    per_account = await town.fetchval(
        "select avg(cardinality(services)) from ledger.account_billed where account like '10%'"
    )
    assert 4 <= per_account <= 6
    unified = await town.fetchval("select count(unified_account) from billing.accounts")
    assert 0.3 * ACCOUNTS < unified < 0.5 * ACCOUNTS


@pytest.mark.parametrize(
    ("number", "state", "holder", "debt"),
    [
        ("1004217", "active", "И*** И. И.", 1523_40),
        ("0000042", "active", "П*** А. С.", 10_01),
        ("9000001", "closed", "Н*** О. П.", 0),
        ("9000002", "active", "С*** М. П.", -250_00),
        ("9000003", "suspended", "О*** В. И.", 640_00),
        ("9000004", "active", "К*** О. Н.", 0),
        ("9000005", "active", 'ООО "Рога & Копыта" <филиал>', 99_99),
    ],
)
async def test_the_fixed_accounts_are_as_the_contract_says(
    town: asyncpg.Connection, number: str, state: str, holder: str, debt: int
) -> None:
    row = await town.fetchrow(
        """select b.state, b.holder, (select sum(x) from unnest(b.charged) x)::bigint
                  - coalesce((select sum(x) from unnest(p.paid) x), 0)::bigint - p.advance as debt
             from ledger.account_billed b join ledger.account_paid p using (account)
            where account = $1""",
        number,
    )
    assert row is not None
    assert tuple(row) == (state, holder, debt)


async def test_1004217_owes_for_several_services_and_has_two_meters(
    town: asyncpg.Connection,
) -> None:
    debts = await town.fetch("""
        select s.code, b.charged - coalesce(p.paid, 0) as debt
          from (select unnest(services) as id, unnest(charged) as charged
                  from ledger.account_billed where account = '1004217') b
          left join (select unnest(services) as id, unnest(paid) as paid
                  from ledger.account_paid where account = '1004217') p using (id)
          join billing.services s on s.id = b.id order by s.id""")
    assert [tuple(row) for row in debts] == [
        ("heating", 820_15),
        ("cold_water", 203_25),
        ("electricity", 500_00),
    ]
    meters = await town.fetchval(
        "select meters from ledger.account_billed where account = '1004217'"
    )
    assert meters == "18-004217\t3\t124500\t2026-02-20\nE4217\t6\t8120000\t2026-02-20"
    holder = await town.fetchval("select holder from billing.accounts where number = '1004217'")
    assert holder == "Иванов Иван Иванович"
