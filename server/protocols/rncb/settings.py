"""The dialect switches of an RNCB agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting

REQUIRED = "required"
OPTIONAL = "optional"

EXEC_DATE = Setting("exec_date", OPTIONAL, (OPTIONAL, REQUIRED))
STATEMENT_ROOT = Setting(
    "statement_root", "BALANCERESPONSE", ("BALANCERESPONSE", "REVISIONRESPONSE")
)

SETTINGS = (EXEC_DATE, STATEMENT_ROOT)
