"""What a DSN says about how to reach PostgreSQL."""

import ssl

import pytest

from server.lookup.login import Address


def test_a_plain_dsn() -> None:
    address = Address.from_dsn("postgresql://kvitok:p%40ss@db.example:6432/town")
    assert (address.host, address.port, address.database) == ("db.example", 6432, "town")
    assert (address.user, address.password, address.tls_mode) == ("kvitok", "p@ss", "prefer")


def test_a_dsn_with_a_socket_directory() -> None:
    address = Address.from_dsn("postgresql://kvitok:x@/town?host=%2Ftmp%2Fsocket&port=5499")
    assert (address.host, address.port) == ("/tmp/socket", 5499)


def test_defaults_are_those_of_libpq() -> None:
    address = Address.from_dsn("postgres://kvitok@")
    assert (address.host, address.port, address.database) == ("localhost", 5432, "kvitok")


@pytest.mark.parametrize(
    "dsn",
    [
        "mysql://kvitok@db/town",
        "postgresql://db/town",
        "postgresql://kvitok@db/town?sslmode=sometimes",
        "postgresql://kvitok@db/town?channel_binding=require",
    ],
)
def test_a_dsn_that_cannot_be_followed_is_refused(dsn: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Address.from_dsn(dsn)


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(Address.from_dsn("postgresql://kvitok:hunter2@db/town"))


@pytest.mark.parametrize(
    ("mode", "verifies", "names"),
    [
        ("prefer", ssl.CERT_NONE, False),
        ("require", ssl.CERT_NONE, False),
        ("verify-ca", ssl.CERT_REQUIRED, False),
        ("verify-full", ssl.CERT_REQUIRED, True),
    ],
)
def test_tls_modes_mean_what_they_mean_to_libpq(
    mode: str, verifies: ssl.VerifyMode, names: bool
) -> None:
    context = Address.from_dsn(f"postgresql://kvitok@db/town?sslmode={mode}").tls_context()
    assert context.verify_mode is verifies
    assert context.check_hostname is names
