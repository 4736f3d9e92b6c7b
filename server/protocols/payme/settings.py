"""The dialect switches of a Payme agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting

OFF = "off"
ACKNOWLEDGE = "acknowledge"

ACCOUNT_KEY = Setting("account_key", "ls", pattern=r"[A-Za-z_][A-Za-z0-9_]{0,39}")
LOGIN = Setting("login", "Paycom", pattern=r"[!-9;-~]{1,40}")
FISCAL_DATA = Setting("fiscal_data", OFF, (OFF, ACKNOWLEDGE))

SETTINGS = (ACCOUNT_KEY, LOGIN, FISCAL_DATA)
