"""The demo's people for the office; they may log in on loopback only, and the page says so."""

from __future__ import annotations

from server.staff import Role, Staff

DEMO_STAFF = (
    Staff("accountant", "Вера Демина", Role.ACCOUNTANT, demo=True),
    Staff("controller", "Пётр Сомов", Role.CONTROLLER, demo=True),
    Staff("admin", "Администратор", Role.ADMIN, demo=True),
)
