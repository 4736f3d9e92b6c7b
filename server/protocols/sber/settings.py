"""The dialect switches of a Sberbank agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting
from server.protocols.xml import ENCODINGS, UTF_8

DEBT_NEGATIVE = "debt_negative"
DEBT_POSITIVE = "debt_positive"

ENCODING = Setting("encoding", UTF_8, ENCODINGS)
BALANCE_SIGN = Setting("balance_sign", DEBT_NEGATIVE, (DEBT_NEGATIVE, DEBT_POSITIVE))
AMOUNT_TAG = Setting("amount_tag", "AMOUNT", ("AMOUNT", "SUM"))

SETTINGS = (ENCODING, BALANCE_SIGN, AMOUNT_TAG)
