"""Settings: environment variables with the prefix KVITOK_, secrets also from files (`*_FILE`)."""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "KVITOK_"
_SECRETS = ("DSN", "REDIS_URL", "INSTALLATION_KEY")


class Settings(BaseSettings):
    """Everything that can be set from outside; documented in docs/settings.md."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    dsn: str = Field("", description="PostgreSQL DSN")
    redis_url: str = Field("", description="Redis or Valkey URL")
    installation_key: str = Field(
        "", description="key that seals agents' secrets (base64, 32 bytes)"
    )
    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    trusted_proxies: str = Field(
        "", description="networks of proxies whose word on a peer counts, with spaces between"
    )
    workers: int = Field(1, ge=1, le=64, description="number of worker processes")
    body_bytes_max: int = Field(256 * 1024, ge=1024, description="largest protocol request body")
    header_bytes_max: int = Field(16 * 1024, ge=1024, description="largest request header")
    registry_bytes_max: int = Field(1 << 30, ge=1024, description="largest registry file")
    request_timeout_seconds: int = Field(60, ge=1, description="a whole request within")
    idle_timeout_seconds: int = Field(30, ge=1, description="a kept-alive connection waits")
    connections_max: int = Field(4096, ge=0, description="connections of one worker; 0 = any")
    peer_connections_max: int = Field(
        1024, ge=0, description="of those, connections of one peer; 0 = any"
    )
    drain_timeout_seconds: int = Field(8, ge=1, description="a stopping worker finishes within")
    near_cache_entries_max: int = Field(
        1_000_000, ge=0, description="accounts held in memory; 0 = Redis is asked every time"
    )
    ready_answers_bytes_max: int = Field(
        256 << 20, ge=0, description="memory of one worker for answers that stand ready"
    )
    fast_lane: bool = Field(True, description="answer plain checks before aiohttp parses them")
    database_connections_max: int = Field(8, ge=2, description="connections of one worker")
    janitor_pause_seconds: float = Field(
        5, gt=0, le=3600, description="the janitor rests between two rounds"
    )
    clock_ahead_max_seconds: int = Field(
        3600, ge=0, description="a terminal's clock may be ahead of ours by"
    )
    clock_behind_max_days: int = Field(
        62, ge=1, description="a payment may be as old, and still belong to its own day"
    )
    twice_within_seconds: int = Field(
        600, ge=0, description="the same account and sum through two agents is suspicious within"
    )
    terminal_payments_per_minute_max: int = Field(
        30, ge=1, description="a terminal with more payments a minute is suspicious"
    )
    terminal_unknown_per_minute_max: int = Field(
        5, ge=1, description="a terminal that names more unknown accounts a minute is suspicious"
    )
    zone: str = Field("Europe/Moscow", description="zone in which the office shows times")
    second_person_above_kopecks: int = Field(
        15_000_000, ge=0, description="decisions on larger sums need a second person"
    )
    demo: bool = Field(False, description="demo staff and secrets; only with the command `demo`")

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for network in text.split():
            ip_network(network)
        return text

    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`trusted_proxies`, read."""
        return tuple(ip_network(network) for network in self.trusted_proxies.split())


def read_settings(**overrides: object) -> Settings:
    """Settings from the environment; a secret may stand in a file named by NAME_FILE."""
    for name in _SECRETS:
        file = os.environ.get(f"{PREFIX}{name}_FILE")
        if file and name.lower() not in overrides:
            overrides[name.lower()] = Path(file).read_text(encoding="utf-8").strip()
    return Settings(**overrides)  # type: ignore[arg-type]
