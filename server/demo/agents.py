"""The demo agents: one for each protocol, as its demo.toml says, and two without a protocol."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import server

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_AMOUNT_MIN_KOPECKS = 1_00
_AMOUNT_MAX_KOPECKS = 15_000_00


@dataclass(frozen=True, slots=True)
class DemoAgent:
    """An agent of the demo; `secrets` are written in its demo.toml, for loopback only.

    One with `key_pairs` signs with a key, and gets a pair of pairs at the demo's first start.
    """

    name: str
    title: str
    protocol: str = ""
    zone: str = "Europe/Moscow"
    amount_min_kopecks: int = _AMOUNT_MIN_KOPECKS
    amount_max_kopecks: int = _AMOUNT_MAX_KOPECKS
    allow_list: tuple[str, ...] = _LOOPBACK
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    key_pairs: bool = False


@cache
def demo_agents() -> tuple[DemoAgent, ...]:
    """Every demo agent, by name. A protocol's folder may hold more `demo*.toml` than one."""
    files = (Path(server.__file__).parent / "protocols").glob("*/demo*.toml")
    found = [_read(file) for file in files]
    return tuple(sorted((*found, *_WITHOUT_PROTOCOL), key=lambda agent: agent.name))


def _read(file: Path) -> DemoAgent:
    said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    limits = said.get("limits", {})
    return DemoAgent(
        name=said.get("name", file.parent.name),
        title=said["title"],
        protocol=said.get("protocol", file.parent.name),
        zone=said.get("zone", "Europe/Moscow"),
        amount_min_kopecks=limits.get("amount_min_kopecks", _AMOUNT_MIN_KOPECKS),
        amount_max_kopecks=limits.get("amount_max_kopecks", _AMOUNT_MAX_KOPECKS),
        allow_list=tuple(said.get("allow_list", _LOOPBACK)),
        settings=said.get("settings", {}),
        secrets=said.get("secrets", {}),
        key_pairs=said.get("key_pairs", False),
    )


_WITHOUT_PROTOCOL = (
    DemoAgent("bank", "Банк «Заречный» (только реестры)"),
    DemoAgent("kiosk", "Киоски расчётного центра"),
)
