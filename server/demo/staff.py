"""The people of the demo town's office: one of each role. Their password stands in the contract."""

from __future__ import annotations

from server.staff import Role, Staff

DEMO_PASSWORD = "demo"
DEMO_STAFF = (
    Staff("accountant", "Вера Демина", Role.ACCOUNTANT, demo=True),
    Staff("controller", "Пётр Сомов", Role.CONTROLLER, demo=True),
    Staff("admin", "Олег Титов", Role.ADMIN, demo=True),
)
