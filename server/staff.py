"""The people of the office: who they are, what their role lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Role(Enum):
    """What somebody is in the office."""

    ACCOUNTANT = "accountant"
    CONTROLLER = "controller"
    ADMIN = "admin"


class Right(Enum):
    """What somebody may do there; nobody may more than the work needs."""

    READ = "read"
    """See registries, mismatches and accounts."""
    IMPORT = "import"
    """Bring in a registry."""
    RESOLVE = "resolve"
    """Take a mismatch and decide it."""
    CONFIRM = "confirm"
    """Be the second person who confirms what another one decided."""
    PAUSE = "pause"
    """Pause an agent, and let it go on."""


_RIGHTS = {
    Role.ACCOUNTANT: frozenset({Right.READ, Right.IMPORT, Right.RESOLVE}),
    Role.CONTROLLER: frozenset({Right.READ, Right.CONFIRM, Right.PAUSE}),
    Role.ADMIN: frozenset({Right.READ, Right.IMPORT, Right.RESOLVE, Right.PAUSE}),
}


@dataclass(frozen=True, slots=True)
class Staff:
    """One person of the office."""

    login: str
    name: str
    role: Role
    demo: bool = False
    """Made for the demo town: may log in only there and only from this machine."""

    @property
    def rights(self) -> frozenset[Right]:
        """Everything the role allows."""
        return _RIGHTS[self.role]

    def may(self, right: Right) -> bool:
        """Whether the role allows it."""
        return right in self.rights


@dataclass(frozen=True, slots=True)
class Credentials:
    """A person with what the password is checked against (argon2id, PHC form)."""

    staff: Staff
    password_hash: str
