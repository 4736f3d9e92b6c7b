"""Payday: everybody looks, many pay, all within a few hours; the crowd comes at once.

`locust -f loadtests/locust/payday.py`; LOAD_SECONDS, LOAD_USERS, LOAD_ACCOUNTS.
"""

from __future__ import annotations

from typing import ClassVar

from loadtests.locust.payers import Payer, Shape


class PaydayPayer(Payer):
    """Seven look, two pay, one in ten pays twice because an answer was lost."""

    tasks: ClassVar = {
        Payer.check_only: 14,
        Payer.check_and_pay: 5,
        Payer.pay_and_lose_the_answer: 1,
    }


class PaydayShape(Shape):
    """A quiet morning, the crowd, the evening."""

    stages = ((0.1, 0.2), (0.7, 1.0), (1.0, 0.4))
