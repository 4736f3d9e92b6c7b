"""Times on the wire: written without a zone, meant in the agent's.

Formats are strftime's with %Y %m %d %H %M %S. Reading is strict: exactly those digits.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import cache
from zoneinfo import ZoneInfo

from server.refusals import Refusal, Refused, outline

# Years outside are a broken clock, not a payment.
YEAR_MIN = 2000
YEAR_MAX = 2099

SPELLINGS = (
    "%Y%m%d%H%M%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y_%H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
)
"""How the sources spell a time of day; no text fits two of them."""

_ISO = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})?"
)
_DIGITS = {
    "%Y": "(?P<year>[0-9]{4})",
    "%m": "(?P<month>[0-9]{2})",
    "%d": "(?P<day>[0-9]{2})",
    "%H": "(?P<hour>[0-9]{2})",
    "%M": "(?P<minute>[0-9]{2})",
    "%S": "(?P<second>[0-9]{2})",
}


def read(text: str, form: str, zone: str) -> dt.datetime:
    """The moment in UTC. Raises Refused(DATE_MALFORMED).

    Where clocks are put forward, a time in the gap counts from the old offset; where they are put
    back, a time that occurs twice is its first occurrence.
    """
    match = _pattern(form).fullmatch(text)
    if match is None:
        raise Refused(Refusal.DATE_MALFORMED, f"not {form}: {outline(text)}")
    fields = {name: int(digits) for name, digits in match.groupdict().items()}
    if not YEAR_MIN <= fields["year"] <= YEAR_MAX:
        raise Refused(Refusal.DATE_MALFORMED, f"the year of {text!r}")
    try:
        local = dt.datetime.min.replace(tzinfo=ZoneInfo(zone), **fields)
    except ValueError:
        raise Refused(Refusal.DATE_MALFORMED, f"no such time: {text!r}") from None
    return local.astimezone(dt.UTC)


def read_any(text: str, zone: str, forms: Sequence[str] = SPELLINGS) -> dt.datetime:
    """The moment in UTC, for sources that do not say how they spell it; the first form that fits.

    Raises Refused(DATE_MALFORMED).
    """
    fitting = next((form for form in forms if _pattern(form).fullmatch(text)), forms[0])
    return read(text, fitting, zone)


def read_iso(text: str, zone: str) -> dt.datetime:
    """The second of an ISO 8601 time, perhaps with a fraction and an offset, in UTC.

    Without an offset it is the zone's. Raises Refused(DATE_MALFORMED).
    """
    if _ISO.fullmatch(text) is None:
        raise Refused(Refusal.DATE_MALFORMED, f"not ISO 8601: {outline(text)}")
    try:
        moment = dt.datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise Refused(Refusal.DATE_MALFORMED, f"no such time: {text!r}") from None
    if not YEAR_MIN <= moment.year <= YEAR_MAX:
        raise Refused(Refusal.DATE_MALFORMED, f"the year of {text!r}")
    return moment.astimezone(dt.UTC).replace(microsecond=0)


def write(moment: dt.datetime, form: str, zone: str) -> str:
    """The moment as a clock in the zone shows it."""
    return moment.astimezone(ZoneInfo(zone)).strftime(form)


@cache
def _pattern(form: str) -> re.Pattern[str]:
    pieces = re.split("(%[YmdHMS])", form)
    return re.compile("".join(_DIGITS.get(piece, re.escape(piece)) for piece in pieces))
