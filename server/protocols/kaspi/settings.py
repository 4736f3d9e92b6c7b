"""The dialect switches of a Kaspi agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting

REQUIRED = "required"
OPTIONAL = "optional"

TXN_DATE = Setting("txn_date", REQUIRED, (REQUIRED, OPTIONAL))
BIN = Setting("bin", "")

SETTINGS = (TXN_DATE, BIN)
