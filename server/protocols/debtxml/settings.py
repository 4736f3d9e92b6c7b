"""The dialect switches of a Debt agent; the README says what each is for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from server.agents import Agent
from server.protocols import Setting

STRICT = "strict"
OFF = "off"
_PAIR = r"[!-<>-~]{1,40}=[!-<>-~]{1,40}"

ACCOUNT_ATTRIBUTE = Setting("account_attribute", "billIdentifier", ("billIdentifier", "ls"))
ONE_SERVICE = Setting("one_service", "", pattern=r"[!-~]{0,40}")
SERVICE_NAME = Setting("service_name", "Жилищно-коммунальные услуги")
SERVICE_CODES = Setting("service_codes", "", pattern=rf"(?:{_PAIR}(?: {_PAIR})*)?")
SUM_CHECK = Setting("sum_check", STRICT, (STRICT, OFF))
COMPANY_CODE = Setting("company_code", "")
COMPANY_NAME = Setting("company_name", "")
COMPANY_MFO = Setting("company_mfo", "")
COMPANY_OKPO = Setting("company_okpo", "")
COMPANY_ACCOUNT = Setting("company_account", "")

ADDRESS_SEARCHES = Setting("address_searches_per_minute", "30", pattern=r"0|[1-9][0-9]{0,4}")

SETTINGS = (
    ACCOUNT_ATTRIBUTE,
    ONE_SERVICE,
    SERVICE_NAME,
    SERVICE_CODES,
    SUM_CHECK,
    COMPANY_CODE,
    COMPANY_NAME,
    COMPANY_MFO,
    COMPANY_OKPO,
    COMPANY_ACCOUNT,
    ADDRESS_SEARCHES,
)


def code_of(service: str, agent: Agent) -> str:
    """What the bank calls a service of ours."""
    return _pairs(SERVICE_CODES.of(agent)).get(service, service)


def service_of(code: str, agent: Agent) -> str:
    """The service of ours that the bank calls so."""
    codes = _pairs(SERVICE_CODES.of(agent))
    return next((service for service, known in codes.items() if known == code), code)


@lru_cache(64)
def _pairs(text: str) -> Mapping[str, str]:
    return {service: code for service, _, code in (pair.partition("=") for pair in text.split())}
