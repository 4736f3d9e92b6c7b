"""The rules by which payments settle charges: whose they are, and changing one."""

from __future__ import annotations

import json
from dataclasses import dataclass

from server.storage.connection import Connection

COMPANY, SUPPLIER = "company", "supplier"


@dataclass(frozen=True, slots=True)
class RuleRow:
    """The rule of a management company (division among suppliers) or of a supplier (its own)."""

    whose: str
    """`company` or `supplier`."""
    id: int
    name: str
    rule: str
    fallback: str
    """Under as_said, for what the payer said nothing about; empty for a company."""


async def rule_rows(connection: Connection) -> tuple[RuleRow, ...]:
    """Companies first."""
    return tuple(RuleRow(**row) for row in await connection.fetch(_ROWS))


async def set_rule(
    connection: Connection, whose: str, number: int, rule: str, fallback: str, actor: str
) -> None:
    """With a row in the audit; an empty fallback stays as it is. Raises LookupError.

    A rule that there is not, or not for a company (as_said), is a CheckViolationError.
    """
    async with connection.transaction():
        rows = {(row.whose, row.id): row for row in await rule_rows(connection)}
        was = rows.get((whose, number))
        if was is None:
            raise LookupError(f"no {whose} {number}")
        if whose == COMPANY:
            await connection.execute(_SET_COMPANY, number, rule)
        else:
            await connection.execute(_SET_SUPPLIER, number, rule, fallback or was.fallback)
        told = {"rule": [was.rule, rule], "fallback": [was.fallback, fallback or was.fallback]}
        await connection.execute(_NOTE, actor, whose, str(number), json.dumps(told))


_ROWS = """
select 'company' as whose, id, name, allocation_rule as rule, '' as fallback
  from billing.management_companies
union all
select 'supplier', id, name, allocation_rule, allocation_fallback from billing.suppliers
 order by whose, id
"""
_SET_COMPANY = "update billing.management_companies set allocation_rule = $2 where id = $1"
_SET_SUPPLIER = """
update billing.suppliers set allocation_rule = $2, allocation_fallback = $3 where id = $1
"""
_NOTE = """
insert into recon.audit (actor, action, subject, subject_id, details)
values ($1, 'allocation', $2, $3, $4)
"""
