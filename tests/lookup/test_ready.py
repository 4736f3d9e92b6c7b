"""Ready pieces: bounded, gone with their account, forgotten when nobody asks."""

from __future__ import annotations

from server.lookup.ready import Pieces, Shelf

PIECE = b"x" * 850  # a thousand bytes with its entry


def shelf_of(pieces: int) -> tuple[Shelf, Pieces]:
    """With room for so many pieces in all."""
    shelf = Shelf(pieces * 1000)
    return shelf, shelf.add(lambda snapshot: PIECE if snapshot else None)


def known(pieces: Pieces, number: bytes) -> bool:
    return number in pieces.hot or pieces.get(number) is not None


def test_a_piece_is_kept_only_if_it_may_be() -> None:
    _, pieces = shelf_of(10)
    assert pieces.make(b"s") == PIECE
    assert not known(pieces, b"1")
    assert pieces.keep(b"1", b"s") == PIECE
    assert pieces.hot == {b"1": PIECE}


def test_what_cannot_be_made_is_nothing() -> None:
    _, pieces = shelf_of(10)
    assert pieces.keep(b"1", b"") is None
    assert not known(pieces, b"1")


def test_a_changed_account_has_no_piece_in_any_generation() -> None:
    _, pieces = shelf_of(4)
    for number in (b"1", b"2", b"3"):  # the third begins a new generation
        pieces.keep(number, b"s")
    assert set(pieces.hot) == {b"3"}
    pieces.drop(b"1")
    pieces.drop(b"3")
    assert [known(pieces, number) for number in (b"1", b"2", b"3")] == [False, True, False]


def test_what_nobody_asks_for_makes_room() -> None:
    shelf, pieces = shelf_of(20)
    for number in range(1000):
        pieces.keep(b"%d" % number, b"s")
        assert known(pieces, b"0")
    held = sum(known(pieces, b"%d" % number) for number in range(1000))
    assert 1 < held <= 20
    shelf.bury(10_000)


def test_all_dialects_share_the_room() -> None:
    shelf, one = shelf_of(20)
    other = shelf.add(lambda _: PIECE)
    for number in range(10):
        one.keep(b"%d" % number, b"s")
    for number in range(100):
        other.keep(b"%d" % number, b"s")
    assert not any(known(one, b"%d" % number) for number in range(10))


def test_without_room_nothing_is_kept() -> None:
    _, pieces = shelf_of(0)
    assert pieces.keep(b"1", b"s") == PIECE
    assert not known(pieces, b"1")


def test_after_a_clear_nothing_is_left() -> None:
    shelf, pieces = shelf_of(4)
    for number in (b"1", b"2", b"3"):
        pieces.keep(number, b"s")
    shelf.clear()
    assert not any(known(pieces, number) for number in (b"1", b"2", b"3"))
