"""`python -m tests.freshness.payer TASK`: one payer, a process of its own, so that it is quick.

It alone pays to its accounts, so it knows what each of them owes. As soon as it has an answer it
asks every worker of that server about the account, and then looks at others of its accounts.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.faults.networks import NETWORKS, OSMP, PAYNET, Network, Said, roubles
from tests.faults.wire import Reply
from tests.freshness.across import Across
from tests.freshness.lines import LOST, Line, Team, Worker
from tests.freshness.owed import Book, Owed, debt_in

AT_ONCE_SECONDS = 0.0001
"""A check counts when it left so soon after the answer."""
_AT_A_TIME = 5
_TAIL_ALONE, _TAIL_OF_TWO = 6, 10
_PAUSE_SECONDS = 0.02
_NICENESS = -10
"""Where it may: who is woken by a check must not come before the check of the next worker."""
_PATIENCE_SECONDS = 60.0
_KOPECKS_MIN, _KOPECKS_MAX = 100, 999
_REMEMBERED = 60
_FAULTS_MAX = 3
_DEEDS = {"pay": 60, "pay twice": 16, "repeat": 8, "cancel": 8, "lose the answer": 4}


@dataclass(frozen=True, slots=True)
class Task:
    """What a payer is to do, as JSON on its command line."""

    seed: int
    servers: list[tuple[int, int]]
    """Port and supervisor of each."""
    workers: int
    """Of each server."""
    accounts: list[tuple[str, int]]
    """Number and place in the book."""
    book: str
    progress: int
    """Place in the book where this payer counts its payments."""
    stop: int
    """Place in the book that says that all may stop."""
    redis_url: str
    payments: int
    pairs: int
    """So many payments, or else so many pairs that count, whichever are first."""
    seconds: float
    """But no longer than that."""
    result: str
    """A file for what was seen."""


@dataclass
class Seen:
    """What a payer has seen, as JSON in its file."""

    at_once: int = 0
    """Checks of a worker right after an answer, sent within AT_ONCE_SECONDS."""
    later: int = 0
    """The same, sent later."""
    across: int = 0
    """Checks of a worker of another server, when the push had certainly come."""
    other: int = 0
    """Checks of other accounts, just as exact."""
    put_off: int = 0
    """Checks that were answered "try later"."""
    early_stale: int = 0
    """Checks at another server before the push had come, that showed the old debt."""
    early: int = 0
    by_feed: int = 0
    """Payments that Redis did not hold when they were answered."""
    delays: list[float] = field(default_factory=list)
    """Seconds from an answer until the push had certainly come to a worker of another server."""
    gaps: list[float] = field(default_factory=list)
    """Seconds from an answer until the last worker of the same server was asked."""
    deeds: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Done:
    """A payment that was answered."""

    account: Owed
    network: Network
    key: str
    kopecks: int

    def request(self) -> bytes:
        """As it was asked for."""
        return self.network.pay(self.key, self.account.number, roubles(self.kopecks))


@dataclass(frozen=True, slots=True)
class Look:
    """A check that was sent and is not read yet."""

    worker: Worker
    line: Line
    network: Network
    account: Owed
    moment: int


class Payer:
    """See the module."""

    def __init__(self, task: Task) -> None:
        self.seen = Seen()
        self.dice = random.Random(task.seed)
        self._task = task
        self._book = Book(Path(task.book))
        self._accounts = [Owed(number, place, self._book) for number, place in task.accounts]
        hello = OSMP.check(self._accounts[0].number)
        self._teams = [
            Team(port, supervisor, task.workers, hello) for port, supervisor in task.servers
        ]
        self._checks = {
            (network.agent, account.number): network.check(account.number)
            for network in NETWORKS
            for account in self._accounts
        }
        self._across = Across(self, task.redis_url, task.seed)
        self._done: list[Done] = []
        self._keys = 0
        self._stop_at = time.monotonic() + task.seconds
        self._team = self._teams[0]

    def work(self) -> Seen:
        """Payments, one after the other."""
        names, weights = list(_DEEDS), list(_DEEDS.values())
        deeds = {
            "pay": self._pay,
            "pay twice": self._pay_twice,
            "repeat": self._repeat,
            "cancel": self._cancel,
            "lose the answer": self._lose,
        }
        while not self._is_enough():
            self._team = self.dice.choice(self._teams)
            (name,) = self.dice.choices(names, weights)
            deeds[name]()
            self.seen.deeds[name] = self.seen.deeds.get(name, 0) + 1
            self._look_around()
        for team in self._teams:
            team.close()
        return self.seen

    def _is_enough(self) -> bool:
        """Whether all is done, or so much was wrong that more would tell nothing."""
        task, seen = self._task, self.seen
        return (
            self._keys >= task.payments
            or seen.at_once + seen.across >= task.pairs
            or time.monotonic() > self._stop_at
            or self._book.count(task.stop) > 0
        )

    def complain(self, sentence: str) -> None:
        """Something was not as promised."""
        self.seen.faults.append(sentence)
        if len(self.seen.faults) == _FAULTS_MAX:
            self._book.add(self._task.stop)

    # What a payer does

    def _new(self) -> Done:
        self._keys += 1
        self._book.add(self._task.progress)
        # Few are paid to often, so that what is asked for has often just been evicted.
        place = min(int(self.dice.expovariate(0.15)), len(self._accounts) - 1)
        kopecks = self.dice.randint(_KOPECKS_MIN, _KOPECKS_MAX)
        key = f"{self._task.seed + 1:03d}{self._keys:07d}"
        return Done(self._accounts[place], self.dice.choice(NETWORKS), key, kopecks)

    def _remember(self, done: Done) -> None:
        self._done = [*self._done[1 - _REMEMBERED :], done]

    def _pay(self) -> None:
        done = self._new()
        self._read(self._settle(done.account, done.network, done.request(), done.kopecks))
        self._remember(done)

    def _pay_twice(self) -> None:
        """The second is paid while the checks after the first are still being answered."""
        first, second = self._new(), self._new()
        account = first.account
        request = second.network.pay(second.key, account.number, roubles(second.kopecks))
        looks = self._settle(account, first.network, first.request(), first.kopecks)
        more = self._settle(account, second.network, request, second.kopecks, which=1)
        self._read([*looks, *more])
        self._remember(first)

    def _repeat(self) -> None:
        if self._done:
            done = self.dice.choice(self._done)
            self._read(self._settle(done.account, done.network, done.request(), 0))

    def _cancel(self) -> None:
        found = next((done for done in self._done if done.network is PAYNET), None)
        if found is None or PAYNET.cancel is None:
            return
        self._done.remove(found)
        request = PAYNET.cancel(found.key)
        self._read(self._settle(found.account, PAYNET, request, -found.kopecks))

    def _lose(self) -> None:
        """The network hears nothing of its first try, and then repeats it."""
        done = self._new()
        workers = self._team.reached()
        done.account.pending = done.kopecks
        if workers:
            worker = self.dice.choice(workers)
            with suppress(*LOST):
                worker.paying.send(done.request())
            self.drop(worker)
        for look in self._looks(self._team.known(), done.account, 0):
            if self._send(look, self._checks[look.network.agent, done.account.number]):
                self._read([look])
        self._read(self._settle(done.account, done.network, done.request(), done.kopecks))
        self._remember(done)

    # Asking, and looking at once

    def _settle(
        self, account: Owed, network: Network, request: bytes, kopecks: int, which: int = 0
    ) -> list[Look]:
        """Ask until it is answered; returns the checks sent right after that, to be read."""
        account.pending = kopecks
        give_up = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < give_up:
            found = self._ask_and_look(account, request, which)
            if found is None:
                time.sleep(_PAUSE_SECONDS)
                continue
            reply, received, looks = found
            answer = network.read(reply)
            if answer.said in (Said.DONE, Said.CANCELLED):
                account.confirm(kopecks)
                looks = [replace(look, moment=account.moment) for look in looks]
                return self._told(account, looks, received)
            self._read(looks)
            if answer.said is Said.REFUSED:
                self.complain(f"{account.number}: {network.agent} refused it: {reply.body!r}")
                account.pending = None
                return []
            time.sleep(_PAUSE_SECONDS)
        self.complain(f"{account.number}: not answered within {_PATIENCE_SECONDS:.0f} s")
        return []

    def _told(self, account: Owed, looks: list[Look], answered: float) -> list[Look]:
        """What is still to be read; other servers are asked when this one is done."""
        others = [team for team in self._teams if team is not self._team]
        if not others:
            return looks
        self._read(looks)
        self._across.follow(account, others, answered)
        return []

    def _ask_and_look(
        self, account: Owed, request: bytes, which: int
    ) -> tuple[Reply, float, list[Look]] | None:
        """The reply, when it came, and the checks that left right behind it."""
        workers = self._team.reached()
        if not workers:
            return None
        asked = self.dice.choice(workers)
        # Everything is at hand before the answer comes, so that nothing is between the two.
        looks = self._looks(workers, account, which)
        check = self._checks[looks[0].network.agent, account.number]
        line = asked.paying
        try:
            line.send(request)
            line.await_bytes()
            sent = [look for look in looks if self._send(look, check)]
            gap = time.perf_counter() - line.received
            is_whole = line.is_answered
            reply, received = line.receive(), line.received
        except LOST:
            self.drop(asked)
            return None
        if is_whole:  # else they left before its last byte
            self._count(len(sent), gap)
            return reply, received, sent
        self._read(sent)
        return reply, received, []

    def _looks(self, workers: list[Worker], account: Owed, which: int) -> list[Look]:
        network, moment = self.dice.choice(NETWORKS), account.moment
        return [Look(worker, worker.looking(which), network, account, moment) for worker in workers]

    def _send(self, look: Look, check: bytes) -> bool:
        try:
            look.line.send(check)
        except LOST:
            self.drop(look.worker)
            return False
        return True

    def _count(self, looks: int, gap: float) -> None:
        self.seen.gaps.append(gap)
        if gap <= AT_ONCE_SECONDS:
            self.seen.at_once += looks
        else:
            self.seen.later += looks

    def drop(self, worker: Worker) -> None:
        """It died."""
        for team in self._teams:
            team.drop(worker)

    def _read(self, looks: list[Look]) -> None:
        """Read the answers and judge them."""
        for look in looks:
            if not look.worker.lines:
                continue
            try:
                reply = look.line.receive()
            except LOST:
                self.drop(look.worker)
                continue
            self.judge(look.network, reply, look.account, look.moment, "right after the answer")

    def judge(self, network: Network, reply: Reply, account: Owed, moment: int, when: str) -> None:
        """Whether a check's answer may be so."""
        debt = debt_in(network, reply)
        if debt is not None:
            if not account.may_show(debt, moment):
                self.complain(
                    f"{account.number} shows {debt} {when}, paid {account.paid[-3:]},"
                    f" pending {account.pending}, {network.agent}"
                )
            return
        answer = network.read(reply)
        if answer.said is Said.LATER:
            self.seen.put_off += 1
        else:
            self.complain(f"{account.number} is {answer.code} {when}, {network.agent}")

    def _look_around(self) -> None:
        """What people ask all day: accounts that have not changed lately, at every worker."""
        workers = [worker for team in self._teams for worker in team.reached()]
        for _ in range(_TAIL_ALONE if len(self._teams) == 1 else _TAIL_OF_TWO):
            for worker, network, accounts in list(self._sent_around(workers)):
                try:
                    replies = [worker.looking(0).receive() for _ in accounts]
                except (*LOST, IndexError):
                    self.drop(worker)
                    continue
                self.seen.other += len(replies)
                for reply, account in zip(replies, accounts, strict=True):
                    # Another server may be behind; what it shows was true once.
                    moment = account.moment if len(self._teams) == 1 else 0
                    self.judge(network, reply, account, moment, "later")

    def _sent_around(self, workers: list[Worker]) -> Iterator[tuple[Worker, Network, list[Owed]]]:
        for worker in workers:
            network = self.dice.choice(NETWORKS)
            accounts = self.dice.choices(self._accounts, k=_AT_A_TIME)
            requests = [self._checks[network.agent, each.number] for each in accounts]
            try:
                worker.looking(0).send(b"".join(requests))
            except (*LOST, IndexError):
                self.drop(worker)
                continue
            yield worker, network, accounts


def main(text: str) -> None:
    """Work, and write down what was seen."""
    with suppress(PermissionError):
        os.nice(_NICENESS)
    said: dict[str, Any] = json.loads(text)
    task = Task(**said)
    Path(task.result).write_text(json.dumps(asdict(Payer(task).work())), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
