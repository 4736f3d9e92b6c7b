"""The near cache's map: bounded, and deaf to scans."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from server.lookup.generations import Generations


def test_a_value_is_found_until_it_is_dropped() -> None:
    entries: Generations[bytes] = Generations(100)
    entries.put("a", b"1")
    assert entries.get("a") == b"1"
    assert entries.get("a") == b"1"
    assert entries.drop("a")
    assert not entries.drop("a")
    assert entries.get("a") is None


def test_an_empty_value_is_a_value() -> None:
    entries: Generations[bytes] = Generations(100)
    entries.put("a", b"")
    assert entries.get("a") == b""


def test_a_scan_does_not_push_out_what_is_asked_for_again_and_again() -> None:
    entries: Generations[bytes] = Generations(1000)
    hot = [f"hot{number}" for number in range(300)]
    for key in hot:
        entries.put(key, b"x")
        entries.get(key)
    for number in range(100_000):
        entries.put(f"scan{number}", b"y")
        if number % 10 == 0:
            entries.get(hot[number // 10 % len(hot)])
    assert all(entries.get(key) == b"x" for key in hot)
    assert len(entries) <= 1000


def test_bytes_are_bounded_too() -> None:
    entries: Generations[bytes] = Generations(1000, 10_000, len)
    for number in range(1000):
        entries.put(str(number), b"x" * 100)
        entries.get(str(number))
    assert len(entries) <= 110


def test_clear_forgets_at_once_and_gives_back_later() -> None:
    entries: Generations[bytes] = Generations(100)
    for number in range(50):
        entries.put(str(number), b"x")
    entries.clear()
    assert len(entries) == 0
    assert all(entries.get(str(number)) is None for number in range(50))
    entries.bury(1000)
    entries.put("1", b"y")
    assert entries.get("1") == b"y"


operations = st.lists(
    st.tuples(
        st.sampled_from(["put", "get", "drop", "clear"]), st.integers(0, 30), st.binary(max_size=3)
    ),
    max_size=300,
)


@given(operations, st.integers(1, 25))
def test_it_never_shows_anything_but_the_last_value_put(
    steps: list[tuple[str, int, bytes]], entries_max: int
) -> None:
    entries: Generations[bytes] = Generations(entries_max)
    model: dict[str, bytes] = {}
    for step, number, value in steps:
        key = str(number)
        if step == "put":
            entries.put(key, value)
            model[key] = value
        elif step == "get":
            assert entries.get(key) in (None, model.get(key))
        elif step == "drop":
            entries.drop(key)
            model.pop(key, None)
        else:
            entries.clear()
            model.clear()
        assert len(entries) <= max(4, entries_max + 4)
