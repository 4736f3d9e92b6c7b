"""Pins: an account is read from PostgreSQL exactly until the feed has brought it."""

from server.lookup.pins import Pins, place, place_reached


def test_a_pin_holds_until_its_position_is_applied() -> None:
    pins = Pins()
    pins.pin("1", 100, 1)
    pins.pin("2", 200, 1)
    pins.applied(150)
    assert "1" not in pins
    assert "2" in pins
    pins.applied(200)
    assert "2" not in pins
    assert len(pins) == 0


def test_the_later_of_two_positions_counts() -> None:
    pins = Pins()
    pins.pin("1", 200, 1)
    pins.pin("1", 100, 1)
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
    pins.pin("1", 100, 1)
    pins.pin_everything(50)
    assert "1" not in pins


def test_from_the_highest_version_on_a_snapshot_is_true() -> None:
    pins = Pins()
    pins.pin("1", 200, 7)
    pins.pin("1", 100, 8)
    pins.pin("1", 300, 6)
    pins.pin("2", 100, 0)
    assert pins.version("1") == 8
    assert pins.version("2") is None, "nobody has said which"
    assert pins.version("3") is None
    pins.pin_everything(250)
    assert pins.version("1") is None, "there may have been more than was told"
    pins.applied(299)
    assert pins.version("1") == 8
    pins.applied(300)
    assert pins.version("1") is None


def test_a_place_of_a_later_epoch_is_later_whatever_its_position() -> None:
    pins = Pins()
    pins.applied(place_reached(7, 1 << 50))
    pins.pin("1", place(8, 4096), 1)
    assert "1" in pins
    pins.applied(place_reached(7, 1 << 60))
    assert "1" in pins, "a primary that is gone had come further"
    pins.applied(place_reached(8, 4095))
    assert "1" in pins
    pins.applied(place_reached(8, 4096))
    assert "1" not in pins


def test_a_place_fits_into_a_word_of_the_ring() -> None:
    assert 0 < place(1, 0) < place(1, 1) == place(1, 256) < place(1, 257) < place(2, 0)
    assert place_reached(1, 255) == place_reached(1, 0) < place_reached(1, 256)
    assert place(1 << 40, 1 << 63) < 1 << 64
