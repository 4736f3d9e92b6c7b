"""A hamlet of a few accounts for tests of the store."""

from __future__ import annotations

from server.storage.connection import Connection

ACCOUNTS = ("1000001", "1000002", "1000003")


async def settle(connection: Connection) -> None:
    """Companies, two services, three accounts of which one is closed, two agents."""
    await connection.execute(
        """
        insert into billing.management_companies (name, inn) values ('УК', '7700000000');
        insert into billing.suppliers (name, inn) values ('РСО', '7700000001');
        insert into billing.services (code, name, supplier, unit)
          values ('water', 'Холодная вода', 1, 'м³'), ('heating', 'Отопление', 1, 'Гкал');
        insert into billing.accounts (number, holder, address, state) values
          ('1000001', 'Иванов Иван Иванович', 'ул. Садовая, д. 5, кв. 12', 'active'),
          ('1000002', 'ООО "Рога & Копыта"', 'ул. Садовая, д. 5, пом. 1', 'active'),
          ('1000003', 'Петрова Анна', 'ул. Садовая, д. 7, кв. 1', 'closed');
        insert into ledger.agents (name, amount_min_kopecks, amount_max_kopecks)
          values ('osmp', 100, 1500000), ('sber', 100, 1500000);
        """
    )
