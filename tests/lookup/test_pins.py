"""Pins: an account is read from PostgreSQL exactly until the feed has brought it."""

from server.lookup.pins import Pins


def test_a_pin_holds_until_its_position_is_applied() -> None:
    pins = Pins()
    pins.pin("1", 100)
    pins.pin("2", 200)
    pins.applied(150)
    assert "1" not in pins
    assert "2" in pins
    pins.applied(200)
    assert "2" not in pins
    assert len(pins) == 0


def test_the_later_of_two_positions_counts() -> None:
    pins = Pins()
    pins.pin("1", 200)
    pins.pin("1", 100)
    pins.applied(199)
    assert "1" in pins


def test_everything_can_be_pinned() -> None:
    pins = Pins()
    pins.pin_everything(100)
    assert "whatever" in pins
    pins.applied(99)
    assert "whatever" in pins
    pins.applied(100)
    assert "whatever" not in pins


def test_what_is_applied_already_is_not_pinned() -> None:
    pins = Pins()
    pins.applied(100)
    pins.pin("1", 100)
    pins.pin_everything(50)
    assert "1" not in pins
