"""The services that billing knows, by id and by code. Small, read whole."""

from __future__ import annotations

from dataclasses import dataclass

from server.storage.connection import Connection


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """One row of billing.services."""

    id: int
    code: str
    name: str
    unit: str
    supplier: str


async def services(connection: Connection) -> dict[int, ServiceRecord]:
    """Every service by its id."""
    rows = await connection.fetch(
        "select s.id, s.code, s.name, s.unit, p.name as supplier"
        " from billing.services s join billing.suppliers p on p.id = s.supplier order by s.id"
    )
    return {row["id"]: ServiceRecord(**dict(row)) for row in rows}
