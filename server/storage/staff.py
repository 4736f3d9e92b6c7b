"""Staff, their sessions and the attempts to log in. A session's token is known only as its hash."""

from __future__ import annotations

import datetime as dt

import asyncpg

from server.staff import Credentials, Role, Staff
from server.storage.connection import Connection, lent
from server.storage.lost import lost_is_unknown

_ATTEMPT_SPAN = dt.timedelta(minutes=15)
_ATTEMPTS_MAX = (5, 20, 100)
"""Within the span: from one address for one login; for one login; from one address."""
_SEEN_AGAIN = dt.timedelta(minutes=1)
"""A session in use is written at most this often."""


class StaffBook:
    """What log-in needs of PostgreSQL; implements server.api.sessions.StaffStore."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    @lost_is_unknown
    async def credentials(self, login: str) -> Credentials | None:
        """A person who may log in; None for strangers and for those who no longer may."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(
                "select login, name, role, demo, password_hash from recon.staff"
                " where login = $1 and not disabled",
                login,
            )
        return Credentials(_staff(row), row["password_hash"]) if row else None

    @lost_is_unknown
    async def admit(self, login: str, peer: str, now: dt.datetime) -> dt.timedelta:
        """Note an attempt; how long to wait instead when there were too many, else nothing."""
        async with lent(self._pool) as connection:
            wait: dt.timedelta = await connection.fetchval(
                "select recon.admit_login($1, $2, $3, $4, $5, $6, $7)",
                login,
                peer,
                now,
                _ATTEMPT_SPAN,
                *_ATTEMPTS_MAX,
            )
        return wait

    @lost_is_unknown
    async def open_session(
        self, login: str, peer: str, token_sha256: bytes, now: dt.datetime, expires_at: dt.datetime
    ) -> None:
        """Begin a session; the attempts that led to it no longer count, old sessions go."""
        async with lent(self._pool) as connection, connection.transaction():
            await connection.execute(
                "delete from recon.login_attempts where login = $1 and peer = $2", login, peer
            )
            await connection.execute("delete from recon.staff_sessions where expires_at <= $1", now)
            await connection.execute(
                "insert into recon.staff_sessions"
                " (token_sha256, login, created_at, seen_at, expires_at)"
                " values ($1, $2, $3, $3, $4)",
                token_sha256,
                login,
                now,
                expires_at,
            )

    @lost_is_unknown
    async def session(
        self, token_sha256: bytes, now: dt.datetime, idle: dt.timedelta, lifetime: dt.timedelta
    ) -> Staff | None:
        """Whose session it is; being asked for keeps it alive, up to its lifetime."""
        async with lent(self._pool) as connection:
            row = await connection.fetchrow(_SESSION, token_sha256, now)
        if row is None:
            return None
        if now - row["seen_at"] >= _SEEN_AGAIN:
            async with lent(self._pool) as connection:
                await connection.execute(
                    "update recon.staff_sessions set seen_at = $2, expires_at ="
                    " least($3, created_at + $4) where token_sha256 = $1",
                    token_sha256,
                    now,
                    now + idle,
                    lifetime,
                )
        return _staff(row)

    @lost_is_unknown
    async def close_session(self, token_sha256: bytes) -> None:
        """End a session, if there is one."""
        async with lent(self._pool) as connection:
            await connection.execute(
                "delete from recon.staff_sessions where token_sha256 = $1", token_sha256
            )

    @lost_is_unknown
    async def demo_staff(self) -> tuple[Staff, ...]:
        """The people of the demo town who may log in."""
        async with lent(self._pool) as connection:
            rows = await connection.fetch(
                "select login, name, role, demo from recon.staff where demo and not disabled"
                " order by array_position(array['accountant', 'controller', 'admin'], role), login"
            )
        return tuple(_staff(row) for row in rows)


async def add_staff(connection: Connection, staff: Staff, password_hash: str) -> None:
    """Let a person in; one who is there already is left as they are."""
    await connection.execute(
        "insert into recon.staff (login, name, role, password_hash, demo)"
        " values ($1, $2, $3, $4, $5) on conflict (login) do nothing",
        staff.login,
        staff.name,
        staff.role.value,
        password_hash,
        staff.demo,
    )


def _staff(row: asyncpg.Record) -> Staff:
    return Staff(row["login"], row["name"], Role(row["role"]), row["demo"])


_SESSION = """
select s.login, s.name, s.role, s.demo, t.seen_at
  from recon.staff_sessions t join recon.staff s on s.login = t.login
 where t.token_sha256 = $1 and t.expires_at > $2 and not s.disabled
"""
