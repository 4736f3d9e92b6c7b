"""The access log of answers that leave no time for a logger: lines made ready, written in batches.

A line is what structlog would write, with the account and the time left open.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

import structlog

from server.transport.metrics import CHECK, OK

_LINES_MAX = 200  # few enough to stay in the processor's cache
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
        self.lines: list[str] = []
        """The same list for ever."""

    def is_full(self) -> bool:
        """Whether it should be flushed before its time."""
        return len(self.lines) >= _LINES_MAX

    def flush(self) -> None:
        """Write what waits."""
        if self.lines:
            text = "".join(self.lines)
            self.lines.clear()
            self._write(text)


def line_template(agent: str, method: str) -> str:
    """A `%` template for (end of the account, time in ISO 8601).

    Where a logger puts the time first, as for a person at a terminal, the line is a plain one.
    """
    said = {
        "agent": agent,
        "method": method,
        "operation": CHECK,
        "outcome": OK,
        "account": f"***{_ACCOUNT}",
    }
    rendered: object = {**said, "event": "answered"}
    for processor in structlog.get_config()["processors"]:
        rendered = processor(_log, "info", rendered)
    text = str(rendered)
    time = _TIME.search(text)
    if time is None or not 0 <= text.find(_ACCOUNT) < time.start():
        words = " ".join(f"{name}={value}" for name, value in said.items())
        return f"answered {words} %s\n".replace(_ACCOUNT, "%s")
    text = text.replace("%", "%%").replace(_ACCOUNT, "%s")
    return _TIME.sub("%s", text, count=1) + "\n"
