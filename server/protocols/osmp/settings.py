"""The dialect switches of an OSMP agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting
from server.protocols.xml import ENCODINGS, UTF_8

ON = "on"
OFF = "off"
REQUIRED = "required"
OPTIONAL = "optional"
POSITIVE = "positive"

ENCODING = Setting("encoding", UTF_8, ENCODINGS)
CHECK_SUM = Setting("check_sum", REQUIRED, (REQUIRED, OPTIONAL, POSITIVE))
TXN_DATE = Setting("txn_date", REQUIRED, (REQUIRED, OPTIONAL))
CURRENCY = Setting("currency", "RUB")
CANCEL = Setting("cancel", OFF, (ON, OFF))
STATUS = Setting("status", OFF, (ON, OFF))
READINGS = Setting("readings", OFF, (ON, OFF))
TRANSACTION_TAG = Setting(
    "transaction_tag", "osmp_txn_id", ("osmp_txn_id", "txn_id", "ibox_txn_id", "rapida_txn_id")
)

SETTINGS = (ENCODING, CHECK_SUM, TXN_DATE, CURRENCY, CANCEL, STATUS, READINGS, TRANSACTION_TAG)
