"""SCRAM-SHA-256 against the example of RFC 7677, section 3, and against liars."""

import pytest

from server.lookup.scram import Scram, ScramError

NONCE = "rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)


class ScramOfTheRfc(Scram):
    """The RFC's example names a user in the first message; PostgreSQL's clients do not."""

    def __init__(self) -> None:
        super().__init__("pencil", NONCE)
        self._first_bare = f"n=user,r={NONCE}".encode()


def test_the_example_of_the_rfc() -> None:
    scram = ScramOfTheRfc()
    assert scram.first == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    assert scram.final(SERVER_FIRST) == (
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
        b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    scram.check(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("message", [b"v=AAAA", b"e=other-error", b"", b"v=!", b"\xff\xfe"])
def test_a_server_that_does_not_know_the_password_is_found_out(message: bytes) -> None:
    scram = ScramOfTheRfc()
    scram.final(SERVER_FIRST)
    with pytest.raises(ScramError):
        scram.check(message)


@pytest.mark.parametrize(
    "message",
    [
        b"r=another,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"r=rOprNGfwEbeRWgbNEkqO,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        SERVER_FIRST.replace(b"i=4096", b"i=0"),
        SERVER_FIRST.replace(b"i=4096", b"i=99999999999"),
        SERVER_FIRST.replace(b"i=4096", b"i=x"),
        SERVER_FIRST.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s=W"),
        b"",
    ],
)
def test_a_first_message_that_makes_no_sense_is_refused(message: bytes) -> None:
    with pytest.raises(ScramError):
        ScramOfTheRfc().final(message)


def test_a_password_is_normalised_as_postgresql_does() -> None:
    def answer(password: str) -> bytes:
        return Scram(password, NONCE).final(SERVER_FIRST)

    assert answer("\u2168") == answer("IX")  # compatibility form
    assert answer("a\u00adb") == answer("ab")  # soft hyphen: mapped to nothing
    assert answer("a\u00a0b") == answer("a b")
    assert answer("пароль\u0007") != answer("пароль")  # forbidden: taken as it is
