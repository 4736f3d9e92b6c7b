"""The three descriptor lists that Paynet is handed: what parameters a service has (manual, C, D).

The manual shows the elements; the roots, named as the files, and the names of types are ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from server.accounts import ACCOUNT_LENGTH_MAX
from server.agents import Agent
from server.protocols import xml
from server.protocols.paynet.settings import ACCOUNT_KEY, TERMINAL_KEY, our_services

TERMINAL_LENGTH_MAX = 64

_STRING = "string"
_LONG = "long"
_ACCOUNT_PATTERN = f"^[^ ]{{1,{ACCOUNT_LENGTH_MAX}}}$"


@dataclass(frozen=True, slots=True)
class _Sent:
    """A parameter that a terminal sends."""

    name: str
    caption_ru: str
    caption_uz: str
    length: int
    validator: str = ""
    required: bool = True
    visible: bool = True


@dataclass(frozen=True, slots=True)
class _Shown:
    """A parameter that we answer with."""

    name: str
    type: str
    caption_ru: str
    caption_uz: str


_SHOWN = (
    _Shown("balance", _LONG, "К оплате, тийин", "Toʻlanadigan summa, tiyin"),
    _Shown("name", _STRING, "Плательщик", "Toʻlovchi"),
    _Shown("address", _STRING, "Адрес", "Manzil"),
)


def _information(agent: Agent) -> bytes:
    return _list("GetInformationArgumentsDescriptorList", _sent(agent, (_account(agent),)))


def _answer(agent: Agent) -> bytes:
    return _list("GetInformationResultDescriptorList", _shown(agent))


def _payment(agent: Agent) -> bytes:
    terminal = _Sent(
        TERMINAL_KEY.of(agent),
        *("Номер терминала", "Terminal raqami"),
        TERMINAL_LENGTH_MAX,
        required=False,
        visible=False,
    )
    sent = _sent(agent, (_account(agent), terminal))
    return _list("PerformTransactionArgumentsDescriptorList", sent)


def _account(agent: Agent) -> _Sent:
    return _Sent(
        ACCOUNT_KEY.of(agent),
        *("Лицевой счёт", "Shaxsiy hisob raqami"),
        ACCOUNT_LENGTH_MAX,
        _ACCOUNT_PATTERN,
    )


def _sent(agent: Agent, parameters: Iterable[_Sent]) -> list[dict[str, str]]:
    known = tuple(parameters)
    return [
        {
            "srv_id": service,
            "name": parameter.name,
            "type": _STRING,
            **({"validator": parameter.validator} if parameter.validator else {}),
            "length": str(parameter.length),
            "caption_ru": parameter.caption_ru,
            "caption_uz": parameter.caption_uz,
            "required": _boolean(parameter.required),
            "visible": _boolean(parameter.visible),
            "order": str(order),
        }
        for service in our_services(agent)
        for order, parameter in enumerate(known, 1)
    ]


def _shown(agent: Agent) -> list[dict[str, str]]:
    return [
        {
            "srv_id": service,
            "name": parameter.name,
            "type": parameter.type,
            "caption_ru": parameter.caption_ru,
            "caption_uz": parameter.caption_uz,
        }
        for service in our_services(agent)
        for parameter in _SHOWN
    ]


def _boolean(value: bool) -> str:
    return "true" if value else "false"


def _list(root: str, descriptors: list[dict[str, str]]) -> bytes:
    rows = "".join(
        f"<parameters>{_elements(descriptor)}</parameters>" for descriptor in descriptors
    )
    count = xml.element("count", str(len(descriptors)))
    return xml.document(f"<{root}>{count}{rows}</{root}>")


def _elements(texts: Mapping[str, str]) -> str:
    return "".join(xml.element(name, text) for name, text in texts.items())


FILES: Mapping[str, Callable[[Agent], bytes]] = {
    "GetInformationArgumentsDescriptorList.xml": _information,
    "GetInformationResultDescriptorList.xml": _answer,
    "PerformTransactionArgumentsDescriptorList.xml": _payment,
}
