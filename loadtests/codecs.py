"""`make bench-codecs`: what a protocol costs apart from everything else, in µs of one core.

A check is verified, decoded, answered for an account with its services, and signed. Each request is
written by the protocol's client side and has an account of its own: nothing is remembered of
the request before. Protocols take turns and the least of many rounds counts for each request: what
else the machine does only ever adds. Where there is no check, what begins a payment is measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from unittest import mock

from server.messages import AccountChecked, Outcome, PaymentHeld, PaymentState
from server.protocols import Codec, Operation, Request, Secrets, signatures
from tests.protocols.both_sides import DEMO_FILES, NOW, Sides, sides, view

REQUESTS = 128
"""More than a codec keeps of what it has read."""
MICROSECONDS_MAX = 60.0
_FIRST_ACCOUNT = 1_000_000
_RSA_BYTES = 256


@dataclass(frozen=True)
class Work:
    """What is measured of one agent's protocol."""

    name: str
    codec: Codec
    operation: Operation
    requests: tuple[Request, ...]
    secrets: Secrets
    outcome: Outcome

    def run(self) -> list[int]:
        """Each request once, in nanoseconds."""
        codec, secrets, outcome = self.codec, self.secrets, self.outcome
        spent = []
        for request in self.requests:
            began = time.perf_counter_ns()
            codec.verify(request, secrets, NOW)
            codec.decode(request)
            codec.sign(request, codec.encode(request, outcome), secrets)
            spent.append(time.perf_counter_ns() - began)
        return spent


def work(name: str) -> Work:
    """The requests of a demo agent."""
    both = sides(name)
    asks = both.network.asks
    operation = Operation.CHECK if Operation.CHECK in asks else Operation.HOLD
    return Work(
        name=name,
        codec=both.codec,
        operation=operation,
        requests=tuple(_request(both, operation, number) for number in range(REQUESTS)),
        secrets=both.server_secrets,
        outcome=_outcome(both, operation),
    )


def _request(both: Sides, operation: Operation, number: int) -> Request:
    intent = replace(
        both.intent(),
        account=str(_FIRST_ACCOUNT + number),
        agent_payment_id=both.network.payment_id(number + 1),
        nonce=f"{number:016x}",
    )
    return both.request(both.network.asks[operation](intent, both.agent, both.agent_secrets))


def _outcome(both: Sides, operation: Operation) -> Outcome:
    if operation is Operation.CHECK:
        return AccountChecked(view())
    return PaymentHeld(both.payment(PaymentState.HELD))


def without_rsa() -> AbstractContextManager[object]:
    """RSA answers at once: its cost is the processor's, not a codec's."""
    signature = bytes(_RSA_BYTES)
    return mock.patch.multiple(
        signatures,
        rsa_bytes_hold=lambda *_: True,
        sign_rsa_bytes=lambda *_: signature,
    )


def measured(
    works: Sequence[Work], rounds: int, around: Callable[[], AbstractContextManager[object]]
) -> Mapping[str, float]:
    """By name, the mean over the requests of each one's least, in microseconds."""
    least: dict[str, list[int]] = {}
    with around():
        for _ in range(rounds):
            for each in works:
                spent = each.run()
                least[each.name] = list(map(min, spent, least.get(each.name, spent)))
    return {name: sum(spent) / len(spent) / 1000 for name, spent in least.items()}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench-codecs")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--only", help="agents of one protocol")
    options = parser.parse_args()
    works = [work(name) for name in sorted(DEMO_FILES)]
    works = [each for each in works if options.only in (None, each.codec.name)]
    whole = measured(works, options.rounds, nullcontext)
    apart = measured(works, options.rounds, without_rsa)
    print("| agent | asks for | µs | of it RSA |\n|---|---|---|---|")
    for each in works:
        rsa = whole[each.name] - apart[each.name]
        has_rsa = signatures.SERVER_PRIVATE_KEY in each.secrets
        print(
            f"| {each.name} | {each.operation.value} | {apart[each.name]:.1f} |"
            f" {f'{rsa:.0f}' if has_rsa else '–'} |"
        )
    slow = [name for name, microseconds in apart.items() if microseconds > MICROSECONDS_MAX]
    print(f"at most {MICROSECONDS_MAX:.0f} µs: " + (f"not {', '.join(slow)}" if slow else "all"))
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main())
