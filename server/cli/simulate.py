"""`kvitok simulate`: an agent's network for a while, and whether it and we agree afterwards."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import aiohttp
import typer

from server.agents import Agent, Limits
from server.cli.context import (
    EXIT_NO,
    EXIT_UNREACHABLE,
    EXIT_USAGE,
    DataOption,
    JsonOption,
    find_servers,
    print_json,
    run,
    said,
    stop,
    with_connection,
)
from server.cli.demo_keys import DIRECTORY as DEMO_KEYS
from server.cli.simulate_report import Report, shape, tell
from server.config import Settings
from server.money import Money
from server.protocols.agents_side import networks
from server.protocols.signatures import AGENT_PRIVATE_KEY, SERVER_PUBLIC_KEY
from server.sealing import FileSealer
from server.simulate.beliefs import Held
from server.simulate.day import Day, Plan, simulate
from server.simulate.faults import Fault
from server.storage.accounts import active_numbers
from server.storage.agents import agents
from server.storage.connection import Connection
from server.storage.records import RECORDED, posted

_ACCOUNTS_MAX = 2000
_KEY_FILES = {"agent.key": AGENT_PRIVATE_KEY, "server.pub": SERVER_PUBLIC_KEY}
_LIMITS = {"amount_min_kopecks": 1_00, "amount_max_kopecks": 15_000_00}


@dataclass(frozen=True, slots=True)
class Side:
    """Who is simulated, with what it holds; `settings` lead to the ledger, if one can look."""

    agent: Agent
    secrets: Mapping[str, str]
    accounts: Sequence[str]
    url: str
    settings: Settings | None


FaultsOption = Annotated[
    str,
    typer.Option(
        help=said(
            "what goes wrong, with commas: lost-reply, duplicate, reorder, late, skew; or all",
            "помехи через запятую: lost-reply, duplicate, reorder, late, skew; или all",
        )
    ),
]
AccountsOption = Annotated[
    list[str] | None,
    typer.Option(help=said("pay for this one; may be repeated", "платить за этот счёт")),
]
SecretsOption = Annotated[
    Path | None,
    typer.Option(
        help=said("directory with a file for each secret", "папка с файлом на каждый секрет"),
        exists=True,
        file_okay=False,
    ),
]
DescribedOption = Annotated[
    Path | None,
    typer.Option(
        help=said("the agent as a demo.toml, not from a database", "описание агента, demo.toml"),
        exists=True,
        dir_okay=False,
    ),
]
PaceOption = Annotated[
    float,
    typer.Option(
        min=1,
        help=said("how many times shorter the pauses are", "во сколько раз паузы короче настоящих"),
    ),
]


def simulate_network(
    name: Annotated[str, typer.Argument(metavar="AGENT", help=said("agent", "агент"))],
    pays: Annotated[int, typer.Option(min=1, help=said("payments", "сколько платежей"))] = 20,
    faults: FaultsOption = "",
    url: Annotated[str, typer.Option(help=said("the server", "адрес сервера"))] = "",
    account: AccountsOption = None,
    secrets: SecretsOption = None,
    described: DescribedOption = None,
    terminals: Annotated[int, typer.Option(min=1, help=said("at a time", "одновременно"))] = 8,
    pace: PaceOption = 600,
    seed: Annotated[int, typer.Option(help=said("of the dice", "для повторения"))] = 1,
    data: DataOption = None,
    as_json: JsonOption = False,
) -> None:
    """Exit code 1 when the network believes something else than we hold."""
    side = _side(name, data, url, secrets, described, account or [])
    plan = Plan(
        url=side.url,
        agent=side.agent,
        secrets=side.secrets,
        accounts=side.accounts,
        pays=pays,
        faults=_faults(faults),
        terminals=terminals,
        pace=pace,
        seed=seed,
    )
    report = run(_report(plan, side))
    if report.held is None and not report.day.has_told:
        stop(
            EXIT_USAGE,
            said(
                f"{side.agent.protocol} tells nothing itself: give --data or KVITOK_DSN to compare",
                f"{side.agent.protocol} сам ничего не сообщает: для сверки нужен --data",
            ),
        )
    if as_json:
        print_json(shape(report))
    else:
        tell(report)
    raise typer.Exit(0 if report.is_good else EXIT_NO)


async def _report(plan: Plan, side: Side) -> Report:
    try:
        day = await simulate(plan)
    except aiohttp.ClientError as error:
        stop(EXIT_UNREACHABLE, said(f"cannot reach: {error}", f"нет связи: {error}"))
    held = None
    if side.settings is not None:
        held = await with_connection(side.settings, lambda link: recorded(link, plan, day))
    return Report(plan, day, held)


async def recorded(connection: Connection, plan: Plan, day: Day) -> dict[str, Held]:
    """What the ledger has under the numbers of this day."""
    found = {}
    for claim in day.claims:
        number = claim.intent.agent_payment_id
        row = await connection.fetchrow(RECORDED, plan.agent.name, number)
        payment = posted(row).payment if row else None
        if payment is not None:
            found[number] = Held(payment.account, payment.amount, payment.state)
    return found


def _faults(text: str) -> frozenset[Fault]:
    if text == "all":
        return frozenset(Fault)
    names = [name.strip() for name in text.split(",") if name.strip()]
    known = {fault.value: fault for fault in Fault}
    strange = [name for name in names if name not in known]
    if strange:
        stop(EXIT_USAGE, said(f"no such fault: {strange[0]}", f"нет такой помехи: {strange[0]}"))
    return frozenset(known[name] for name in names)


def _side(
    name: str,
    data: Path | None,
    url: str,
    secrets: Path | None,
    described: Path | None,
    accounts: list[str],
) -> Side:
    settings = None if described else find_servers(data)
    own: Mapping[str, str]
    if settings is None:
        assert described is not None
        agent, own = _described(name, described)
    else:
        agent, own = recorded_agent(name, settings, data)
        accounts = accounts or run(
            with_connection(settings, lambda link: active_numbers(link, _ACCOUNTS_MAX))
        )
        url = url or f"http://{settings.host}:{settings.port}"
    if agent.protocol not in networks():
        stop(EXIT_NO, said(f"{name} has no network", f"у {name} нет протокола"))
    if not accounts or not url:
        stop(EXIT_USAGE, said("give --account and --url", "укажите --account и --url"))
    return Side(agent, _read(secrets) if secrets else own, accounts, url, settings)


def recorded_agent(
    name: str, settings: Settings, data: Path | None
) -> tuple[Agent, Mapping[str, str]]:
    """The agent as the server has it; its own halves of key pairs lie beside a demo's data."""
    if not settings.installation_key:
        stop(EXIT_USAGE, said("set KVITOK_INSTALLATION_KEY", "задайте KVITOK_INSTALLATION_KEY"))
    sealer = FileSealer.from_text(settings.installation_key)
    agent = run(with_connection(settings, lambda link: agents(link, sealer))).get(name)
    if agent is None:
        stop(EXIT_NO, said(f"there is no agent {name}", f"нет агента {name}"))
    shared = dict(next(iter(agent.secrets), {}))
    keys = data / DEMO_KEYS / name if data else None
    return agent, shared | (_read(keys) if keys and keys.is_dir() else {})


def _described(name: str, file: Path) -> tuple[Agent, Mapping[str, str]]:
    """The agent in a file of the form of a protocol's demo.toml."""
    try:
        table: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
        limits = _LIMITS | table.get("limits", {})
        agent = Agent(
            name=name,
            protocol=table["protocol"],
            zone=table["zone"],
            limits=Limits(Money(limits["amount_min_kopecks"]), Money(limits["amount_max_kopecks"])),
            allow_list=tuple(ip_network(network) for network in table.get("allow_list", ())),
            settings=table.get("settings", {}),
        )
    except (KeyError, ValueError, TypeError) as error:
        stop(EXIT_USAGE, said(f"{file}: {error!r}", f"{file}: {error!r}"))
    return agent, table.get("secrets", {})


def _read(directory: Path) -> dict[str, str]:
    """A secret for each file, named as the file; a demo's key files by what is in them."""
    found = {}
    for file in sorted(directory.iterdir()):
        if file.is_file():
            text = file.read_text(encoding="utf-8")
            is_pem = text.startswith("-----BEGIN")
            found[_KEY_FILES.get(file.name, file.name)] = text if is_pem else text.strip()
    return found
