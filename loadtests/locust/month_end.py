"""Month end: readings come in with payments, late payers come, the load stays.

`locust -f loadtests/locust/month_end.py`; LOAD_SECONDS, LOAD_USERS, LOAD_ACCOUNTS.
"""

from __future__ import annotations

from typing import ClassVar

from loadtests.locust.payers import Payer, Shape


class MonthEndPayer(Payer):
    """Half of them bring readings."""

    tasks: ClassVar = {
        Payer.give_readings: 10,
        Payer.check_only: 6,
        Payer.check_and_pay: 3,
        Payer.pay_and_lose_the_answer: 1,
    }


class MonthEndShape(Shape):
    """It rises slowly, and stays."""

    stages = ((0.2, 0.3), (0.5, 0.7), (1.0, 1.0))
