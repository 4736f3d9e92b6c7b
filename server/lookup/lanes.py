"""The two lane tables: their columns, and a row of each as its half of a snapshot. Pure."""

from __future__ import annotations

from functools import lru_cache

from server.lookup.pgoutput import Fields, read_array, read_long
from server.lookup.snapshot import billed_half, paid_half

BILLED = "ledger.account_billed"
PAID = "ledger.account_paid"
BILLED_COLUMNS = (
    "account", "version", "state", "holder", "address", "services", "charged", "meters",
)  # fmt: skip
PAID_COLUMNS = ("account", "version", "services", "paid", "advance")
WANTED = {BILLED: BILLED_COLUMNS, PAID: PAID_COLUMNS}


@lru_cache(4096)
def service_ids(array: bytes) -> tuple[int, ...]:
    """A smallint[] in binary form; a few combinations serve a whole town."""
    return read_array(array, "h")


def billed_from(fields: Fields) -> tuple[int, bytes]:
    """Version and half from the columns after the account, in binary form. Raises ValueError."""
    version, state, holder, address, services, charged, meters = fields
    half = billed_half(
        state, holder, address, service_ids(services), read_array(charged, "q"), meters
    )
    return int.from_bytes(version, "big"), half


def paid_from(fields: Fields) -> tuple[int, bytes]:
    """The same for ledger.account_paid."""
    version, services, paid, advance = fields
    half = paid_half(service_ids(services), read_array(paid, "q"), read_long(advance))
    return int.from_bytes(version, "big"), half
