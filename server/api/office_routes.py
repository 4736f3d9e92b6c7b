"""All routes of the office, wired from its parts; called by the composition root."""

from __future__ import annotations

from aiohttp import web

from server.api.office import OfficeSettings, Registries
from server.api.office_agents import AgentDoor
from server.api.office_cases import CaseDoor
from server.api.office_payments import PaymentDoor
from server.api.sessions import Sessions
from server.reconciliation.dossier import Dossiers
from server.reconciliation.overview import Overview
from server.reconciliation.resolution import Cases, Ledger
from server.reconciliation.workbench import Workbench


def office_routes(
    workbench: Workbench,
    cases: Cases,
    overview: Overview,
    dossiers: Dossiers,
    ledger: Ledger,
    sessions: Sessions,
    settings: OfficeSettings,
) -> list[web.RouteDef]:
    """`ledger` must publish what it posts before it returns."""
    return [
        *sessions.routes(),
        *Registries(workbench, sessions, settings).routes(),
        *CaseDoor(workbench, cases, ledger, sessions, settings).routes(),
        *PaymentDoor(dossiers, overview, workbench, sessions, settings).routes(),
        *AgentDoor(overview, workbench, sessions, settings).routes(),
    ]
