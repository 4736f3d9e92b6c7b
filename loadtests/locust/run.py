"""`make load`: the demo town, then each profile against it, then the proof that all adds up."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_PROFILES = ("payday", "month_end")
_READY = "kvitok: ready "


def main() -> int:
    """0 when no request failed and the books agree."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.locust.run", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("var/load"))
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=60, help="for each profile")
    parser.add_argument("--users", type=int, default=100)
    options = parser.parse_args()
    kvitok = [sys.executable, "-m", "server"]
    data = ["--data", str(options.data)]
    demo = subprocess.Popen(
        [*kvitok, "demo", "--port", "0", *data, "--accounts", str(options.accounts)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
    )
    try:
        assert demo.stdout is not None
        line = demo.stdout.readline()
        if not line.startswith(_READY):
            print("load: the demo did not start", file=sys.stderr)
            return 1
        url = line.removeprefix(_READY).strip()
        failed = [name for name in _PROFILES if _profile(name, url, options)]
        doctor = subprocess.run([*kvitok, "doctor", *data], cwd=_ROOT, check=False).returncode
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(timeout=30)
    told = f"requests failed in {', '.join(failed)}" if failed else "no request failed"
    print(f"load: {told}; the books {'differ' if doctor else 'agree'}")
    return 1 if failed or doctor else 0


def _profile(name: str, url: str, options: argparse.Namespace) -> int:
    """Locust's exit code: not 0 when a request failed."""
    environment = os.environ | {
        "LOAD_ACCOUNTS": str(options.accounts),
        "LOAD_SECONDS": str(options.seconds),
        "LOAD_USERS": str(options.users),
    }
    command = [sys.executable, "-m", "locust", "-f", f"loadtests/locust/{name}.py", "--headless"]
    command += ["--host", url, "--only-summary", "--loglevel", "WARNING"]
    print(f"load: {name}, {options.users} payers, {options.seconds} s", flush=True)
    limit = options.seconds * 2 + 60
    return subprocess.run(
        command, cwd=_ROOT, env=environment, timeout=limit, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
