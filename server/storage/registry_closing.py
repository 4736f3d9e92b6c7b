"""Closing a registry: a second person says that everything in it is done, and it is final."""

from __future__ import annotations

from server.reconciliation.mismatches import NotAllowed
from server.reconciliation.resolution import SecondPersonNeeded
from server.storage.connection import Connection


async def close_registry(connection: Connection, registry_id: int, actor: str) -> int:
    """Close the registry with its resolved cases; how many they are.

    Raises LookupError; NotAllowed while a case is undone or when it is closed already;
    SecondPersonNeeded for who brought it in or decided one of its cases.
    """
    async with connection.transaction():
        # Two closers take turns; no case can be opened for a registry that was there before.
        imported_by = await connection.fetchval(
            "select imported_by from recon.registries where id = $1 for update", registry_id
        )
        if imported_by is None:
            raise LookupError(f"no registry {registry_id}")
        if await connection.fetchval(_IS_CLOSED, str(registry_id)):
            raise NotAllowed("Реестр уже закрыт.", "The registry is closed already.")
        if await connection.fetchval(_HAS_UNDONE, registry_id):
            raise NotAllowed(
                "Не все расхождения реестра разобраны.",
                "Not every case of the registry is decided.",
            )
        deciders = {row["decided_by"] for row in await connection.fetch(_DECIDERS, registry_id)}
        if actor in {imported_by, *deciders}:
            raise SecondPersonNeeded(
                "Реестр закрывает тот, кто его не загружал и не разбирал.",
                "Who brought a registry in or decided its cases does not close it.",
            )
        done = await connection.fetch(_CLOSE, registry_id)
        await connection.execute(_NOTE, actor, [str(row["id"]) for row in done], str(registry_id))
    return len(done)


_IS_CLOSED = """
select true from recon.audit where subject = 'registry' and subject_id = $1 and action = 'close'
"""
_HAS_UNDONE = "select true from recon.cases($1) where state in ('open', 'assigned') limit 1"
_DECIDERS = "select distinct decided_by from recon.cases($1)"
_CLOSE = """
update recon.mismatches set state = 'closed', version = version + 1
 where state = 'resolved' and id in (select id from recon.cases($1)) returning id
"""
_NOTE = """
insert into recon.audit (actor, action, subject, subject_id)
select $1, 'close', 'mismatch', id from unnest($2::text[]) as i(id)
union all select $1, 'close', 'registry', $3
"""
