"""One run: calm, faults, healing, and the verdict."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg

from server.lookup.sync import verify
from server.storage.proof import differences
from tests.faults.billing import Billing, open_accounts
from tests.faults.checker import LIVELY_SECONDS, Verdict, judge
from tests.faults.director import Director, Outage
from tests.faults.history import Facts, History, Look, Recorded, Try, now
from tests.faults.networks import NETWORKS, OSMP
from tests.faults.payers import Day, Looker, Payer, ask, pay_request
from tests.faults.schedule import AFTERWARDS_SECONDS, CALM_SECONDS, Fault, schedule
from tests.faults.stage import Stage
from tests.faults.town import ORDINARY
from tests.faults.wire import Line

_PAYERS, _LOOKERS = 9, 6
_READY_SECONDS = 20.0
_SETTLE_SECONDS = LIVELY_SECONDS + 10
_VERIFY_TRIES = 60
_AGAIN_AT_ONCE = 16
_LAST_PUSH_SECONDS = 0.3
_LAST_LINES = 5


@dataclass(frozen=True, slots=True)
class Run:
    """What a run leaves."""

    seed: int
    again: str
    """How to play the schedule again."""
    faults: tuple[Fault, ...]
    verdict: Verdict
    history: History
    outages: tuple[Outage, ...]
    phases: dict[str, float]
    """Seconds that each part took."""

    def __str__(self) -> str:
        lines = [f"seed {self.seed}: {len(self.verdict.faults)} faults found"]
        lines += [f"  ! {sentence}" for sentence in self.verdict.faults[:20]]
        lines += [f"  {fault}" for fault in self.faults]
        lines += [f"  again: {self.again}"]
        return "\n".join(lines)


def run_seed(stage: Stage, seed: int) -> Run:
    """The schedule of this seed on a stage where everything works."""
    faults = schedule(seed, hosts=len(stage.hosts), failover=stage.failover)
    return run_faults(stage, seed, faults)


def run_faults(stage: Stage, seed: int, faults: Sequence[Fault]) -> Run:
    """The same with these faults."""
    background, watch = stage.background, Watch()
    if stage.failover and stage.database.standby is None:
        stage.database.replicate()
    background.run(open_accounts(stage.database.dsn))
    background.run(_until_ready(stage))
    before = background.run(_lanes(stage.database.dsn))
    watch.passed("ready")
    history = History()
    day = Day(history, [host.place for host in stage.hosts], seed)
    billing = Billing(day, lambda: stage.database.dsn)
    working = background.begin(_work(day, billing))
    time.sleep(CALM_SECONDS)
    history.calm_until = now()
    director = Director(stage)
    try:
        director.perform(faults)
        watch.passed("faults")
    finally:
        history.healed = director.heal()
    watch.passed("healing")
    time.sleep(AFTERWARDS_SECONDS)
    day.is_over, day.give_up = True, now() + _SETTLE_SECONDS
    working.result(_SETTLE_SECONDS + 30)
    watch.passed("settling")
    background.run(billing.settle())
    director.await_renewed()
    facts = background.run(_facts(stage, day, before))
    watch.passed("equal")
    verdict = judge(history, facts, director.outages)
    again = f"make faults SEED={seed} HOSTS={len(stage.hosts)}"
    again += " FAILOVER=1" if stage.failover else ""
    outages = tuple(director.outages)
    return Run(seed, again, tuple(faults), verdict, history, outages, watch.phases)


class Watch:
    """How long each phase took."""

    def __init__(self) -> None:
        self.phases: dict[str, float] = {}
        self._since = now()

    def passed(self, name: str) -> None:
        """The phase of this name ends here."""
        self.phases[name] = round(now() - self._since, 1)
        self._since = now()


async def _work(day: Day, billing: Billing) -> None:
    payers = [Payer(day, number).work() for number in range(_PAYERS)]
    lookers = [Looker(day, number).work() for number in range(_LOOKERS)]
    await asyncio.gather(*payers, *lookers, billing.work())


async def _until_ready(stage: Stage) -> None:
    """Every worker of every server answers checks again, and Redis is complete."""
    deadline = now() + _READY_SECONDS
    while now() < deadline:
        counts = await verify(stage.database.dsn, stage.valkey.url)
        if not (counts["missing"] or counts["stale"] or counts["extra"]):
            return
        await asyncio.sleep(0.2)
    raise AssertionError(f"Redis does not become PostgreSQL: {counts}\n{stage.log()}")


Lanes = dict[str, tuple[int, int]]
"""Account → charged, paid."""
_LANES = """
select b.account, coalesce((select sum(x) from unnest(b.charged) x), 0)::bigint as charged,
       coalesce((select sum(x) from unnest(p.paid) x), 0)::bigint + p.advance as paid
  from ledger.account_billed b join ledger.account_paid p on p.account = b.account
"""
_PAYMENTS = """
select p.agent, p.agent_payment_id, p.account, p.amount_kopecks, e.kind
  from ledger.payment p
  join lateral (select kind from ledger.payment_event e
                 where e.payment_id = p.payment_id and e.payment_recorded_at = p.recorded_at
                 order by seq desc limit 1) e on true
 where p.agent = any($1) and starts_with(p.agent_payment_id, $2)
   and length(p.agent_payment_id) = length($2) + 6
"""


async def _lanes(dsn: str) -> Lanes:
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(_LANES)
    finally:
        await connection.close()
    return {row["account"]: (row["charged"], row["paid"]) for row in rows}


async def facts_now(dsn: str) -> dict[str, int]:
    """What every account owes."""
    return {account: charged - paid for account, (charged, paid) in (await _lanes(dsn)).items()}


async def is_equal(dsn: str, redis_url: str) -> bool:
    """Whether Redis is what PostgreSQL says, and every balance what its entries add up to."""
    counts = await verify(dsn, redis_url)
    connection = await asyncpg.connect(dsn)
    try:
        found = await differences(connection)
    finally:
        await connection.close()
    return not (found or counts["missing"] or counts["stale"] or counts["extra"])


async def _facts(stage: Stage, day: Day, before: Lanes) -> Facts:
    """What is so at the end. Everybody asks once more before: the answers belong to the run."""
    verified = await _verified(stage)
    await _look_again(day)  # before the repeats, which tell everything once more
    await _ask_again(day)
    connection = await asyncpg.connect(stage.database.dsn)
    try:
        rows = await connection.fetch(
            _PAYMENTS, [network.agent for network in NETWORKS], str(day.seed + 1)
        )
        found = await differences(connection)
    finally:
        await connection.close()
    after = await _lanes(stage.database.dsn)
    return Facts(
        debts_before={account: charged - paid for account, (charged, paid) in before.items()},
        debts={account: charged - paid for account, (charged, paid) in after.items()},
        credited={account: after[account][1] - paid for account, (_, paid) in before.items()},
        payments=tuple(Recorded(*row.values()) for row in rows),
        differences=tuple(str(each) for each in found),
        verified=verified,
    )


async def _verified(stage: Stage) -> dict[str, int]:
    counts: dict[str, int] = {}
    for _ in range(_VERIFY_TRIES):
        counts = await verify(stage.database.dsn, stage.valkey.url)
        if not (counts["missing"] or counts["stale"] or counts["extra"]):
            break
        await asyncio.sleep(0.2)
    return counts


async def _ask_again(day: Day) -> None:
    """Every credited payment once more: the recorded answer must still be the same."""
    networks = {network.agent: network for network in NETWORKS}
    queue = [claim for claim in day.history.claims if claim.is_credited]

    async def repeat(host: int) -> None:
        line = Line(day.places[host])
        while queue:
            claim = queue.pop()
            network = networks[claim.agent]
            asked = Try(host, now())
            claim.tries.append(asked)
            await ask(network, line, pay_request(network, claim), asked)
        line.close()

    await asyncio.gather(*(repeat(n % len(day.places)) for n in range(_AGAIN_AT_ONCE)))


async def _look_again(day: Day) -> None:
    """What every worker shows of every account in the end, over several new connections each."""
    await asyncio.sleep(_LAST_PUSH_SECONDS)
    for host, place in enumerate(day.places):
        for line in [Line(place) for _ in range(_LAST_LINES)]:
            day.history.last_looks += [await _last_look(line, host, each) for each in ORDINARY]
            line.close()


async def _last_look(line: Line, host: int, account: str) -> Look:
    look = Look(OSMP.agent, account, Try(host, now()))
    await ask(OSMP, line, OSMP.check(account), look.asked)
    if look.asked.answer is None:  # a worker that is renewed hangs up between requests
        look.asked = Try(host, now())
        await ask(OSMP, line, OSMP.check(account), look.asked)
    return look
