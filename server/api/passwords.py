"""Passwords of people: argon2id, off the event loop, few at a time, as slow for strangers."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from server.payments.ports import OutcomeUnknown

_AT_ONCE = 2
_WAITING_MAX = 50
# 19 MiB, two passes: about 50 ms here, and little memory even when several are checked at once.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def password_hash(password: str) -> str:
    """For storing; slow on purpose."""
    return _HASHER.hash(password)


class Passwords:
    """Checks passwords in threads of its own."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="argon2")
        self._waiting = 0
        self._of_nobody = password_hash("of nobody")

    async def fit(self, password: str, stored: str | None) -> bool:
        """Whether it is the password. Without a stored hash it costs the same and is never right.

        Raises OutcomeUnknown when too many wait.
        """
        if self._waiting >= _WAITING_MAX:
            raise OutcomeUnknown("too many passwords are being checked")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            right = await loop.run_in_executor(
                self._threads, _fits, password, stored or self._of_nobody
            )
        finally:
            self._waiting -= 1
        return right and stored is not None

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _fits(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False
