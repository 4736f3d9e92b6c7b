"""The dialect switches of a USMP agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting

ON = "on"
OFF = "off"
REQUIRED = "required"
OPTIONAL = "optional"

TRANSACTION_DATE = Setting("transaction_date", OPTIONAL, (OPTIONAL, REQUIRED))
CANCEL = Setting("cancel", ON, (ON, OFF))
TRANSACTION_ID = "TransactionId"
REVERT_ID = "RevertId"
EITHER = "either"
CANCEL_NAMES = Setting("cancel_names", EITHER, (EITHER, TRANSACTION_ID, REVERT_ID))
STATEMENT = Setting("statement", ON, (ON, OFF))
READINGS = Setting("readings", OFF, (OFF, ON))

SETTINGS = (TRANSACTION_DATE, CANCEL, CANCEL_NAMES, STATEMENT, READINGS)
