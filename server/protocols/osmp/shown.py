"""What a successful check shows, in the form that the agent's terminals expect.

A balance is money on the account: a debt is negative. A debt is what is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from server.accounts import AccountView
from server.agents import Agent
from server.protocols import xml
from server.protocols.osmp import settings


def comment(view: AccountView, agent: Agent, otherwise: str) -> str:
    """The reply's comment; Apelsin's terminals have nothing else to show."""
    if settings.CHECK_SHOWS.of(agent) == settings.COMMENT:
        return f"Balance: {-view.debt} {view.holder}"
    return otherwise


def shown(view: AccountView, agent: Agent) -> str:
    """The elements after the comment."""
    return _SHAPES[settings.CHECK_SHOWS.of(agent)](view)


def _fields(view: AccountView) -> str:
    return _numbered(
        'type="disp"',
        (
            ("Плательщик", view.holder),
            ("Долг, руб.", str(view.debt)),
            ("Адрес", view.address),
            *((service.name, str(service.debt)) for service in view.services),
        ),
    )


def _balance_fields(view: AccountView) -> str:
    return _numbered(
        "", (("balance", str(-view.debt)), ("name", view.holder), ("address", view.address))
    )


def _numbered(attribute: str, shown: Iterable[tuple[str, str]]) -> str:
    attribute = f" {attribute}" if attribute else ""
    fields = "".join(
        f'<field{number} name="{xml.escape(name)}"{attribute}>{xml.escape(text)}</field{number}>'
        for number, (name, text) in enumerate(shown, 1)
    )
    return f"<fields>{fields}</fields>"


def _balance(view: AccountView) -> str:
    return xml.element("balance", str(-view.debt)) + xml.element("fio", view.holder)


def _info(view: AccountView) -> str:
    services = "; ".join(f"{service.name}: {service.debt}" for service in view.services)
    info = xml.element("info", services) if services else ""
    return xml.element("fio", view.holder) + xml.element("balance", str(-view.debt)) + info


def _debt(view: AccountView) -> str:
    return "".join(
        (
            xml.element("account", view.account),
            xml.element("shortinfo", f"{view.holder}, {view.address}"),
            xml.element("debt", str(view.debt)),
        )
    )


_SHAPES: Mapping[str, Callable[[AccountView], str]] = {
    settings.FIELDS: _fields,
    settings.BALANCE_FIELDS: _balance_fields,
    settings.BALANCE: _balance,
    settings.INFO: _info,
    settings.DEBT: _debt,
    settings.COMMENT: lambda view: "",
}
