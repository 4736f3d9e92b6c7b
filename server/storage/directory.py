"""The rows of agents and services, packed so that they can be kept outside of PostgreSQL."""

from __future__ import annotations

import base64
import datetime as dt
import json
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from server.storage.agents import AGENTS
from server.storage.connection import Connection

Rows = dict[str, list[dict[str, Any]]]
"""`agents` and `services` as PostgreSQL has them, secrets sealed."""
_READ_SECONDS = 10.0
"""A host that has vanished says nothing; TCP would take a quarter of an hour to notice."""
_SERVICES = """
select s.id, s.code, s.name, s.unit, p.allocation_rule = 'as_said' as heeds_payers
  from billing.services s join billing.suppliers p on p.id = s.supplier order by s.id
"""


async def read_rows(connection: Connection) -> Rows:
    """Both, as they are now. Raises TimeoutError."""
    agents = await connection.fetch(AGENTS, timeout=_READ_SECONDS)
    services = await connection.fetch(_SERVICES, timeout=_READ_SECONDS)
    return {
        "agents": [dict(row) for row in agents],
        "services": [dict(row) for row in services],
    }


def pack(rows: Rows) -> bytes:
    """Rows as bytes; what `unpack` gives is read like the rows."""
    return json.dumps(rows, default=_packed, ensure_ascii=False).encode()


def unpack(packed: bytes) -> Rows:
    """What `pack` was given."""
    rows: Rows = json.loads(packed, object_hook=_unpacked)
    return rows


def _packed(value: object) -> object:
    match value:
        case bytes():
            return {"~bytes": base64.b64encode(value).decode()}
        case dt.time():
            return {"~time": value.isoformat()}
        case IPv4Network() | IPv6Network():
            return str(value)  # read from text in any case
        case _:
            raise TypeError(f"cannot keep {type(value)}")


def _unpacked(value: dict[str, Any]) -> object:
    if "~bytes" in value:
        return base64.b64decode(value["~bytes"])
    return dt.time.fromisoformat(value["~time"]) if "~time" in value else value
