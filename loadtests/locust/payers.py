"""Payers as locust sees them: they ask what they owe, pay, and pay again when no answer came."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import random
import re
import time
from collections.abc import Sequence

from locust import FastHttpUser, LoadTestShape, between

from loadtests.bench.keys import zipf_ranks
from loadtests.locust.bodies import NETWORKS, PAYNET, Ask, Network, Payment, last_readings
from server.demo.numbers import ordinary_number

ACCOUNTS = int(os.environ.get("LOAD_ACCOUNTS", "10000"))
SECONDS = int(os.environ.get("LOAD_SECONDS", "60"))
USERS = int(os.environ.get("LOAD_USERS", "100"))
_REPEATS_MAX = 2
_KOPECKS_AT_LEAST, _KOPECKS_AT_MOST = 1_00, 10_000_00
_STRIDE = 7_919
_numbers = itertools.count(time.time_ns() // 1_000_000)
_random = random.Random(20261124)


class Payer(FastHttpUser):
    """Does one thing after another; what share of each, the profiles say."""

    abstract = True
    wait_time = between(0.2, 1.0)

    def check_only(self) -> None:
        """Most people only look."""
        network = _random.choice(NETWORKS)
        self._debt(network, _account())

    def check_and_pay(self) -> None:
        """Ask, then pay what is owed."""
        network = _random.choice(NETWORKS)
        account = _account()
        debt = self._debt(network, account)
        if debt is not None:
            self._pay(network, Payment(next(_numbers), account, _bounded(debt), _now()), 0)

    def pay_and_lose_the_answer(self) -> None:
        """The terminal lost the answer: it says the same again until it hears one."""
        network = _random.choice(NETWORKS)
        payment = Payment(next(_numbers), _account(), _random.randrange(100, 500_000), _now())
        self._pay(network, payment, _random.randint(1, _REPEATS_MAX))

    def give_readings(self) -> None:
        """A payment that brings the meters' readings along, a little above the last ones."""
        account = _account()
        answer = self._ask(PAYNET, "check", PAYNET.check(0, account))
        last = last_readings(answer)
        readings = {meter: str(value + _random.randrange(1, 6)) for meter, value in last.items()}
        debt = PAYNET.debt(answer)
        if debt is not None:
            payment = Payment(next(_numbers), account, _bounded(debt), _now(), readings)
            self._pay(PAYNET, payment, 0)

    def _debt(self, network: Network, account: str) -> int | None:
        return network.debt(self._ask(network, "check", network.check(next(_numbers), account)))

    def _pay(self, network: Network, payment: Payment, repeats: int) -> None:
        ask = network.pay(payment)
        first = network.paid.search(self._ask(network, "pay", ask))
        for _ in range(repeats if first is not None else 0):
            self._repeat(network, ask, first.groups() if first else ())

    def _repeat(self, network: Network, ask: Ask, recorded: Sequence[str]) -> None:
        with self._request(network, "repeat", ask) as response:
            found = network.paid.search(response.text or "")
            if found is None or found.groups() != recorded:
                response.failure("a repeat was answered differently")

    def _ask(self, network: Network, what: str, ask: Ask) -> str:
        wanted = network.paid if what == "pay" else network.checked
        with self._request(network, what, ask) as response:
            text = response.text or ""
            if not wanted.search(text):
                response.failure(_told(text))
            return text

    def _request(self, network: Network, what: str, ask: Ask):  # type: ignore[no-untyped-def]
        return self.client.request(
            ask.method,
            f"{ask.path}?{ask.query}" if ask.query else ask.path,
            data=ask.body or None,
            headers=dict(ask.headers),
            name=f"{network.name} {what}",
            catch_response=True,
        )


class Shape(LoadTestShape):
    """How many payers at which moment of the run; ends by itself."""

    abstract = True
    stages: tuple[tuple[float, float], ...] = ()
    """Until which share of the time, what share of the payers."""

    def tick(self) -> tuple[int, float] | None:
        """Asked every second."""
        passed = self.get_run_time() / SECONDS
        for until, share in self.stages:
            if passed < until:
                return max(1, round(USERS * share)), max(1.0, USERS / 5)
        return None


def _told(answer: str) -> str:
    """The code that was answered: locust counts equal failures together."""
    found = re.search(r"<(?:result|CODE|status)>[^<]*<", answer)
    return f"answered {found[0] if found else answer[:60]}"


def _account() -> str:
    (rank,) = zipf_ranks(ACCOUNTS, 1, _random)
    return str(ordinary_number(rank * _STRIDE % ACCOUNTS))


def _bounded(kopecks: int) -> int:
    return min(max(kopecks, _KOPECKS_AT_LEAST), _KOPECKS_AT_MOST)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
