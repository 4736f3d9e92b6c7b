"""The dialect switches of a ckassa agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting
from server.protocols.xml import ENCODINGS, UTF_8

CKASSA = "ckassa"
SBERBANK = "sberbank"
FORM = "form"
BODY = "body"
MARKUP = "markup"
TEXT = "text"
RESPONSE = "response"
REQUEST = "request"
TOLERANT = "tolerant"
REQUIRED = "required"

ENCODING = Setting("encoding", UTF_8, ENCODINGS)
SENT_AS = Setting("sent_as", FORM, (FORM, BODY))
SIGNED = Setting("signed", MARKUP, (MARKUP, TEXT))
REPLY_ROOT = Setting("reply_root", RESPONSE, (RESPONSE, REQUEST))
CODES = Setting("codes", CKASSA, (CKASSA, SBERBANK))
PAY_DATE = Setting("pay_date", TOLERANT, (TOLERANT, REQUIRED))

SETTINGS = (ENCODING, SENT_AS, SIGNED, REPLY_ROOT, CODES, PAY_DATE)
