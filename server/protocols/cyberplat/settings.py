"""The dialect switches of a CyberPlat agent; the README says what each is for."""

from __future__ import annotations

from functools import lru_cache

from server.agents import Agent
from server.protocols import Setting
from server.protocols.cyberplat.codes import OVERRIDES
from server.protocols.xml import ENCODINGS, WINDOWS_1251
from server.refusals import Refusal

ON = "on"
OFF = "off"
REQUIRED = "required"
OPTIONAL = "optional"

ENCODING = Setting("encoding", WINDOWS_1251, ENCODINGS)
CHECK_AMOUNT = Setting("check_amount", OPTIONAL, (OPTIONAL, REQUIRED))
AMOUNT_COMMA = Setting("amount_comma", OFF, (OFF, ON))
CANCEL = Setting("cancel", ON, (ON, OFF))
STATUS = Setting("status", ON, (ON, OFF))
ADD = Setting("add", OFF, (OFF, ON))
CODES = Setting("codes", "", pattern=OVERRIDES)

SETTINGS = (ENCODING, CHECK_AMOUNT, AMOUNT_COMMA, CANCEL, STATUS, ADD, CODES)


def own_code(agent: Agent, refusal: Refusal) -> str:
    """The agent's code for a refusal; empty where it has none of its own."""
    return _own_codes(CODES.of(agent)).get(refusal.value, "")


@lru_cache(64)
def _own_codes(text: str) -> dict[str, str]:
    pairs = (pair.partition("=") for pair in text.split())
    return {name: code for name, _, code in pairs}
