"""The composition root: the only module that imports every layer and wires them together."""

from __future__ import annotations

import asyncio
import datetime as dt
import gc
import signal
import socket
import time
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path

import aiohttp
import asyncpg
import structlog
from aiohttp import web

from server import __version__
from server.agent_book import AgentBook
from server.api.bodies import WITHIN_SECONDS
from server.api.kiosk import kiosk_routes
from server.api.office import OfficeSettings
from server.api.office_routes import office_routes
from server.api.openapi import openapi_routes
from server.api.passwords import Passwords
from server.api.sessions import Sessions
from server.config import Settings
from server.lookup.accounts import NearCache
from server.lookup.ring import Ring
from server.money import Money
from server.pages import page_headers, page_routes, static_folder
from server.payments.days import ClockBounds
from server.payments.desk import PaymentDesk
from server.protocols import load
from server.reconciliation.posting import PublishedLedger
from server.sealing import FileSealer
from server.storage.connection import answers, open_pool
from server.storage.counters import PostgresCounters
from server.storage.dossiers import PostgresDossiers
from server.storage.ledger import PostgresLedger
from server.storage.mismatches import PostgresCases
from server.storage.overview import PostgresOverview
from server.storage.staff import StaffBook
from server.storage.suspicions import UnknownAccounts
from server.storage.workbench import PostgresWorkbench
from server.supervisor import Ready
from server.transport.access_log import AccessLog
from server.transport.answer import Answering
from server.transport.connections import Gate, Watch, raise_files_limit
from server.transport.http import ProtocolDoor
from server.transport.lane import Lane
from server.transport.limits import PeerGuard, Rates
from server.transport.observing import Observer
from server.transport.operate import Operate
from server.transport.patience import PatientSite
from server.transport.proxies import behind_proxies
from server.transport.wire import FastSite, is_tested
from server.waiting import opened

_log = structlog.get_logger("app")


def run_worker(
    settings: Settings, listener: socket.socket, ring: Ring, index: int, kept: Path, ready: Ready
) -> None:
    """The body of a worker process: serves `listener` until SIGTERM. Agents are kept in `kept`."""
    import uvloop

    uvloop.run(_work(settings, listener, ring, index, kept, ready))


async def _work(
    settings: Settings, listener: socket.socket, ring: Ring, index: int, kept: Path, ready: Ready
) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    book = AgentBook(settings.dsn, FileSealer.from_text(settings.installation_key), kept)
    if not await opened(book.open, listener, stopping):
        return
    async with AsyncExitStack() as stack:
        application, lane = await _application(settings, book, ring, index, stack)
        runner = web.AppRunner(
            application,
            access_log=None,
            keepalive_timeout=settings.idle_timeout_seconds,
            max_line_size=settings.header_bytes_max,
            max_field_size=settings.header_bytes_max,
            shutdown_timeout=settings.drain_timeout_seconds - 1,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        _watch_connections(settings, runner)
        await _site(settings, runner, listener, lane).start()
        _leave_alone_what_stays()
        ready()
        await stopping.wait()


def _leave_alone_what_stays() -> None:
    """Modules and protocols live as long as the worker: a look at all of them would be a pause."""
    gc.collect()
    gc.freeze()


def _watch_connections(settings: Settings, runner: web.AppRunner) -> None:
    files = raise_files_limit()
    assert runner.server is not None
    Watch(
        runner.server,
        Gate(min(settings.connections_max or files, files), settings.peer_connections_max),
    )


def _site(
    settings: Settings, runner: web.AppRunner, listener: socket.socket, lane: Lane
) -> web.SockSite:
    if is_tested():
        own = listener.dup()
        return FastSite(runner, own, lane) if settings.fast_lane else PatientSite(runner, own)
    # Connections of our own use what another aiohttp may have changed.
    if settings.fast_lane:
        _log.warning("no fast lane", reason=f"not tested with aiohttp {aiohttp.__version__}")
    return web.SockSite(runner, listener.dup())


async def _application(
    settings: Settings, book: AgentBook, ring: Ring, index: int, stack: AsyncExitStack
) -> tuple[web.Application, Lane]:
    pool = await open_pool(settings.dsn, settings.database_connections_max)
    stack.push_async_callback(pool.close)
    stack.callback(asyncio.create_task(book.follow()).cancel)
    near_cache = NearCache(
        redis_url=settings.redis_url,
        pool=pool,
        services=book.services,
        ring=ring,
        index=index,
        entries_max=settings.near_cache_entries_max,
        ready_bytes_max=settings.ready_answers_bytes_max,
    )
    await near_cache.start()
    stack.push_async_callback(near_cache.stop)
    sealer = FileSealer.from_text(settings.installation_key)
    ledger = PostgresLedger(pool, book.service_ids, sealer)
    stack.push_async_callback(ledger.finish)
    watch = UnknownAccounts(pool, _now)
    stack.callback(asyncio.create_task(watch.run()).cancel)
    desk = PaymentDesk(
        near_cache,
        ledger,
        _now,
        clock_bounds=_clock_bounds(settings),
        watch=watch,
        counters=PostgresCounters(pool),
    )
    rates = Rates(time.monotonic)
    log = AccessLog()
    answering = Answering(desk, rates, near_cache.claim, Observer(log, _now))
    lane = _lane(settings, book, near_cache, answering, rates, log)
    stack.push_async_callback(lane.stop)
    passwords = Passwords()
    stack.callback(passwords.close)
    door = ProtocolDoor(
        book.current, load(), answering, settings.request_timeout_seconds, unserved=book.faults
    )
    sessions = Sessions(StaffBook(pool), passwords, _now, demo=settings.demo)
    application = web.Application(
        client_max_size=settings.body_bytes_max,
        middlewares=[behind_proxies(settings.proxy_networks()), page_headers],
    )
    application[WITHIN_SECONDS] = settings.request_timeout_seconds
    application.add_routes(
        [
            *door.routes(),
            *Operate(partial(answers, pool), near_cache, lane.flush).routes(),
            *kiosk_routes(desk, book.kiosk, PeerGuard(time.monotonic)),
            *_office(settings, pool, PublishedLedger(ledger, near_cache), sessions),
            *openapi_routes(__version__, static_folder("office_ui") / "docs" / "index.html"),
            *page_routes(),
        ]
    )
    return application, lane


def _office(
    settings: Settings,
    pool: asyncpg.Pool[asyncpg.Record],
    ledger: PublishedLedger,
    sessions: Sessions,
) -> list[web.RouteDef]:
    return office_routes(
        PostgresWorkbench(pool),
        PostgresCases(pool),
        PostgresOverview(pool),
        PostgresDossiers(pool),
        ledger,
        sessions,
        OfficeSettings(
            registry_bytes_max=settings.registry_bytes_max,
            second_person_above=Money(settings.second_person_above_kopecks),
            zone=settings.zone,
        ),
    )


def _clock_bounds(settings: Settings) -> ClockBounds:
    return ClockBounds(
        ahead=dt.timedelta(seconds=settings.clock_ahead_max_seconds),
        behind=dt.timedelta(days=settings.clock_behind_max_days),
    )


def _lane(
    settings: Settings,
    book: AgentBook,
    near_cache: NearCache,
    answering: Answering,
    rates: Rates,
    log: AccessLog,
) -> Lane:
    lane = Lane(
        book.current,
        load(),
        near_cache,
        answering,
        rates,
        head_bytes_max=settings.header_bytes_max,
        body_bytes_max=settings.body_bytes_max,
        proxies=settings.proxy_networks(),
        log=log,
    )
    lane.start()
    return lane


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
