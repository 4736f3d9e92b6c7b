"""Rates by address at the doors that people use."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from server.transport.limits import PeerGuard
from tests.protocols.vectors import make_agent

AGENT = make_agent("osmp")


@dataclass
class Clock:
    seconds: float = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> PeerGuard:
    return PeerGuard(clock)


def guess(guard: PeerGuard, peer: str, times: int = 30) -> None:
    for _ in range(times):
        guard.unknown_account(AGENT, peer)


def test_a_script_is_held_up_and_nobody_else(guard: PeerGuard, clock: Clock) -> None:
    asked = [guard.admit(AGENT, "192.0.2.1") for _ in range(51)]
    assert asked == [True] * 50 + [False]
    assert guard.admit(AGENT, "192.0.2.2")
    clock.seconds += 1
    assert guard.admit(AGENT, "192.0.2.1")


def test_whoever_guesses_accounts_waits_for_the_next_minute(guard: PeerGuard, clock: Clock) -> None:
    guess(guard, "192.0.2.1", 29)
    assert guard.admit(AGENT, "192.0.2.1")
    guess(guard, "192.0.2.1", 1)
    assert not guard.admit(AGENT, "192.0.2.1")
    clock.seconds += 60
    assert guard.admit(AGENT, "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8::1", "2001:db8::ffff:1"),
        ("2001:db8:0:1:a::", "2001:db8:0:1:b::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
    ],
)
def test_a_subscriber_is_one_peer_whichever_address_it_takes(
    guard: PeerGuard, one: str, other: str
) -> None:
    guess(guard, one)
    assert not guard.admit(AGENT, other)


@pytest.mark.parametrize("other", ["2001:db8:0:1::1", "192.0.2.1", "", "unix"])
def test_another_subscriber_is_another_peer(guard: PeerGuard, other: str) -> None:
    guess(guard, "2001:db8::1")
    assert guard.admit(AGENT, other)


def test_many_peers_make_it_forget_only_those_that_were_heard_of_longest_ago(
    guard: PeerGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeerGuard, "_PEERS_MAX", 3)
    guess(guard, "192.0.2.1")
    guess(guard, "192.0.2.2")
    for number in range(3, 9):
        assert not guard.admit(AGENT, "192.0.2.1"), "it goes on asking"
        guess(guard, f"192.0.2.{number}", 1)
    assert guard.admit(AGENT, "192.0.2.2")


def test_many_peers_do_not_give_a_script_more(
    guard: PeerGuard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PeerGuard, "_PEERS_MAX", 3)
    admitted = 0
    for number in range(100):
        guard.admit(AGENT, f"198.51.100.{number}")
        admitted += guard.admit(AGENT, "192.0.2.1")
    assert admitted == 50
