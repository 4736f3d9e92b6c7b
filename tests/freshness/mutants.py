"""Faults on purpose in what keeps answers fresh, each found by a campaign that stops when it is."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.faults.mutants import Mutant, Patch
from tests.faults.mutation import copied

_PAYMENTS, _CALM = 12_000, 40
_SECONDS_MAX = 1800
_SESSION = "server/lookup/session.py"

FRESHNESS = (
    Mutant(
        "no eviction",
        (
            Patch(
                "server/lookup/accounts.py",
                "            self.evict(number)\n\n    def get(",
                "            pass\n\n    def get(",
            ),
        ),
    ),
    Mutant(
        "two connections",
        (
            Patch(
                _SESSION,
                "        session._link = link\n",
                "        session._link = link\n"
                "        session._reading = await Link.connect(node, print, print)\n",
            ),
            Patch(
                _SESSION,
                "            self.link.send(mget(numbers), answer)",
                "            self._reading.send(mget(numbers), answer)",
            ),
        ),
        hosts=2,
    ),
    Mutant(
        "join an older fetch",
        (
            Patch(
                "server/lookup/fetches.py",
                "            if number in batch:\n                batch.crossed.add(number)",
                "            pass",
            ),
        ),
    ),
    Mutant(
        "a failed write-through is ignored",
        (
            Patch(
                "server/lookup/accounts.py",
                "        failed = await write_through(self._sessions, lanes)",
                "        await write_through(self._sessions, lanes)\n"
                "        failed: set[str] = set()",
            ),
        ),
    ),
)


def hunt(mutant: Mutant) -> str:
    """What a campaign says of it; empty when it says nothing."""
    with copied(mutant) as tree:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "tests.freshness", "--hosts", str(mutant.hosts)),
                *("--payments", str(_PAYMENTS), "--calm", str(_CALM)),
            ],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    faults = [line.strip() for line in done.stdout.splitlines() if line.startswith("  ! ")]
    return faults[0] if faults else ""
