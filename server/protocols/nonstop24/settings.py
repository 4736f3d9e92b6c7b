"""The dialect switches of a 24 NonStop agent; the README says what each is for."""

from __future__ import annotations

from server.protocols import Setting
from server.protocols.signatures import Digest

BY_SERVICE = "by_service"
NEVER = "never"
ALWAYS = "always"
MINUTES = "minutes"
SECONDS = "seconds"

SERVICE_ID = Setting("service_id", "1")
HASH = Setting("hash", Digest.MD5.value, (Digest.MD5.value, Digest.SHA_1.value))
SIGNED_AMOUNT = Setting("signed_amount", BY_SERVICE, (BY_SERVICE, NEVER, ALWAYS))
TIME_STAMP = Setting("time_stamp", MINUTES, (MINUTES, SECONDS))

TIME_FORMATS = {MINUTES: "%d.%m.%Y %H:%M", SECONDS: "%d.%m.%Y %H:%M:%S"}

SETTINGS = (SERVICE_ID, HASH, SIGNED_AMOUNT, TIME_STAMP)
