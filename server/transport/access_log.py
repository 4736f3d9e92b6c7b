"""The access log of answers that leave no time for a logger: lines made and written in batches.

A line is what structlog would write, with the account and the time left open.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence

import structlog

from server.transport.metrics import CHECK, OK

_BYTES_MAX = 1 << 16
_SHOWN = 3  # characters of an account
_ACCOUNT = "\ue000"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z")
_log = structlog.get_logger("access")


def write_to_stderr(text: str) -> None:
    """Where structlog writes too."""
    sys.stderr.write(text)
    sys.stderr.flush()


class AccessLog:
    """Lines wait here until `flush`, or until there are many; `write` gets whole lines."""

    def __init__(self, write: Callable[[str], None] = write_to_stderr) -> None:
        self._write = write
        self._texts: list[str] = []
        self._size = 0

    def add(self, text: str) -> None:
        """One line or many."""
        self._texts.append(text)
        self._size += len(text)

    def is_full(self) -> bool:
        """Whether it should be flushed before its time."""
        return self._size >= _BYTES_MAX

    def flush(self) -> None:
        """Write what waits."""
        if self._texts:
            text = "".join(self._texts)
            self._texts.clear()
            self._size = 0
            self._write(text)


class Lines:
    """Many lines of one kind at a time: requests of an agent that went well."""

    def __init__(self, agent: str, method: str, operation: str = CHECK) -> None:
        self._before, self._between, self._after = _line(agent, method, operation)

    def of(self, accounts: Sequence[bytes], stamp: str) -> str:
        """A line for each account, which is ASCII and mostly hidden; `stamp` is ISO 8601."""
        after = self._between + stamp + self._after
        shown = b"\n".join([account[-_SHOWN:] for account in accounts]).decode("ascii")
        return self._before + shown.replace("\n", after + self._before) + after


def _line(agent: str, method: str, operation: str) -> tuple[str, str, str]:
    """A line's pieces: before the end of the account, between it and the time, after the time.

    Where a logger puts the time first, as for a person at a terminal, the line is a plain one.
    """
    said = {
        "agent": agent,
        "method": method,
        "operation": operation,
        "outcome": OK,
        "account": f"***{_ACCOUNT}",
    }
    rendered: object = {**said, "event": "answered"}
    for processor in structlog.get_config()["processors"]:
        rendered = processor(_log, "info", rendered)
    before, _, rest = str(rendered).partition(_ACCOUNT)
    time = _TIME.search(rest)
    if time is None:
        words = " ".join(f"{name}={value}" for name, value in said.items())
        return f"answered {words}".removesuffix(_ACCOUNT), " ", "\n"
    return before, rest[: time.start()], rest[time.end() :] + "\n"
