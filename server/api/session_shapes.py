"""The JSON of log-in: what comes in and what goes out."""

from __future__ import annotations

from typing import Annotated

import msgspec


class LogIn(msgspec.Struct, frozen=True):
    """Who wants to come in."""

    login: Annotated[str, msgspec.Meta(min_length=1, max_length=50)]
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class StaffShown(msgspec.Struct, frozen=True):
    """A person of the office and what the role lets them do."""

    login: str
    name: str
    role: str
    rights: list[str]


class DemoLogIn(msgspec.Struct, frozen=True):
    """A person of the demo town; told only by a demo and only to its own machine."""

    login: str
    password: str
    name: str
    role: str


class SessionShown(msgspec.Struct, frozen=True):
    """Who is logged in, if anybody; the demo's people, if this is a demo."""

    staff: StaffShown | None
    demo: bool
    demo_staff: list[DemoLogIn] = []
