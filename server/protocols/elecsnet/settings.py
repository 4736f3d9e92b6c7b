"""The dialect switches of an Elecsnet agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting

TOLERANT = "tolerant"
REQUIRED = "required"

CURRENCY = Setting("currency", "643", pattern=r"[0-9]{1,4}(?: [0-9]{1,4})*")
DATE = Setting("date", TOLERANT, (TOLERANT, REQUIRED))

SETTINGS = (CURRENCY, DATE)
