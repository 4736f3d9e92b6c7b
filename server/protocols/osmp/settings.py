"""The dialect switches of an OSMP agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting
from server.protocols.xml import ENCODINGS, UTF_8

ON = "on"
OFF = "off"
REQUIRED = "required"
OPTIONAL = "optional"
POSITIVE = "positive"
NONE = "none"

FIELDS = "fields"
BALANCE_FIELDS = "balance_fields"
BALANCE = "balance"
INFO = "info"
DEBT = "debt"
COMMENT = "comment"

ENCODING = Setting("encoding", UTF_8, ENCODINGS)
CHECK_SUM = Setting("check_sum", REQUIRED, (REQUIRED, OPTIONAL, POSITIVE))
CHECK_SHOWS = Setting("check_shows", FIELDS, (FIELDS, BALANCE_FIELDS, BALANCE, INFO, DEBT, COMMENT))
TXN_DATE = Setting("txn_date", REQUIRED, (REQUIRED, OPTIONAL))
CURRENCY = Setting("currency", "RUB")
CANCEL = Setting("cancel", OFF, (OFF, ON))
STATUS = Setting("status", OFF, (OFF, ON))
READINGS = Setting("readings", OFF, (OFF, ON))
TRANSACTION_TAG = Setting(
    "transaction_tag", "osmp_txn_id", ("osmp_txn_id", "txn_id", "ibox_txn_id", "rapida_txn_id")
)
OWN_TAG = Setting("own_tag", "prv_txn", ("prv_txn", "ext_id"))
DATE_TAG = Setting("date_tag", NONE, (NONE, "prv_txn_date", "reg_date", "pay_date"))
PAY_COMMENT = Setting("pay_comment", OFF, (OFF, ON))

DATE_FORMATS = {
    "prv_txn_date": "%Y-%m-%d %H:%M:%S",
    "reg_date": "%Y%m%d%H%M%S",
    "pay_date": "%Y%m%d%H%M%S",
}

SETTINGS = (
    ENCODING,
    CHECK_SUM,
    CHECK_SHOWS,
    TXN_DATE,
    CURRENCY,
    CANCEL,
    STATUS,
    READINGS,
    TRANSACTION_TAG,
    OWN_TAG,
    DATE_TAG,
    PAY_COMMENT,
)
