"""Does to a stage what a schedule says, then puts everything right again."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import redis

from server.embedded import processes
from tests.faults.proxy import FAIR, Proxy, Weather
from tests.faults.schedule import Component, Fault, Kind, Line
from tests.faults.shim import SOUND, Machine
from tests.faults.stage import Stage

_EFFECT_SECONDS = 0.5
"""How long something that takes no time is felt."""
_TWICE_SECONDS = 0.05
_RENEWED_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Outage:
    """Between two moments (monotonic seconds) a component was away."""

    component: Component
    began: float
    ended: float


class Director:
    """One run's harm. Everything is called from the main thread."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.outages: list[Outage] = []
        self._began: dict[Fault, float] = {}
        self._renewed: list[int] = []
        """Workers that were told to make room for others."""

    def perform(self, faults: Sequence[Fault]) -> None:
        """Returns when the last fault has ended."""
        start = time.monotonic()
        steps = [(fault.at, 0, fault) for fault in faults]
        steps += [(fault.at + fault.seconds, 1, fault) for fault in faults]
        for at, is_end, fault in sorted(steps, key=lambda step: step[:2]):
            time.sleep(max(start + at - time.monotonic(), 0))
            if is_end:
                self._end(fault)
            else:
                self._began[fault] = time.monotonic()
                self._begin(fault)

    def heal(self) -> float:
        """Everything works again; the moment from which on it does."""
        stage = self._stage
        self._repair()
        for host in stage.hosts:
            for proxy in host.proxies:
                self._change(proxy, FAIR)
        stage.database.go_on()
        self._start_valkey()
        self._bound_valkey(0)
        stage.database.await_ready()
        for host in stage.hosts:
            processes.send(host.pids(), signal.SIGCONT)
            host.await_start()
        self.outages = [self._whole(outage) for outage in self.outages]
        return time.monotonic()

    def await_renewed(self) -> None:
        """Until workers that were told to go have gone: they hang up when they do."""
        deadline = time.monotonic() + _RENEWED_SECONDS
        while any(map(processes.is_alive, self._renewed)):
            assert time.monotonic() < deadline, f"not renewed: {self._renewed}"
            time.sleep(0.05)

    def _whole(self, outage: Outage) -> Outage:
        """A server that was told to start is away until it answers."""
        if outage.component is not Component.SERVER:
            return outage
        again = [at for host in self._stage.hosts for at in host.ready_at if at > outage.began]
        return replace(outage, ended=max(outage.ended, min(again, default=outage.ended)))

    def _begin(self, fault: Fault) -> None:
        if fault.line is not Line.NONE:
            self._worsen(fault)
        else:
            _BEGIN[fault.kind](self, fault)

    def _end(self, fault: Fault) -> None:
        if fault.line is not Line.NONE:
            self._change(self._proxy(fault), FAIR)
        elif fault.kind in _END:
            _END[fault.kind](self, fault)
        began = self._began[fault]
        ended = max(time.monotonic(), began + _EFFECT_SECONDS)
        self.outages.append(Outage(fault.component, began, ended))

    # Networks

    def _proxy(self, fault: Fault) -> Proxy:
        host = self._stage.hosts[fault.host]
        proxies = {
            Line.TO_POSTGRES: host.to_postgres,
            Line.TO_REDIS: host.to_redis,
            Line.FRONT: host.front,
        }
        return proxies[fault.line]

    def _change(self, proxy: Proxy, weather: Weather) -> None:
        self._stage.background.run(proxy.change(weather))

    def _worsen(self, fault: Fault) -> None:
        proxy, run = self._proxy(fault), self._stage.background.run
        match fault.kind:
            case Kind.CUT:
                run(proxy.cut())
            case Kind.CUT_TWICE:
                run(proxy.cut())
                time.sleep(_TWICE_SECONDS)
                run(proxy.cut())
            case Kind.FORGET:
                run(proxy.forget())
            case Kind.REFUSE:
                self._change(proxy, Weather(refuses=True))
                run(proxy.cut())
            case _:
                self._change(proxy, _WEATHERS[fault.kind](fault.amount))

    # The server

    def _signal_child(self, fault: Fault, name: str, number: signal.Signals) -> None:
        pids = self._stage.hosts[fault.host].pids(name)
        if pids:
            processes.send([pids[fault.which % len(pids)]], number)

    def _signal_server(self, fault: Fault, number: signal.Signals) -> None:
        processes.send(self._stage.hosts[fault.host].pids(), number)

    def _kill_server(self, fault: Fault) -> None:
        host = self._stage.hosts[fault.host]
        if host.is_alive():
            host.kill()

    def _end_server(self, fault: Fault) -> None:
        host = self._stage.hosts[fault.host]
        if host.is_alive():
            host.stop()

    def _start_server(self, fault: Fault) -> None:
        host = self._stage.hosts[fault.host]
        if not host.is_alive():
            host.begin_start()

    def _renew_workers(self, fault: Fault) -> None:
        host = self._stage.hosts[fault.host]
        if host.is_alive() and host.process is not None:
            self._renewed += host.pids("worker")
            processes.send([host.process.pid], signal.SIGHUP)

    # Clocks and disks

    def _shift_server(self, seconds: float) -> None:
        if self._stage.shim is not None:
            self._stage.shim.server.set(Machine(shift_seconds=seconds))

    def _under_postgres(self, **what: Any) -> None:
        """Some fields of its Machine change."""
        if self._stage.shim is not None:
            control = self._stage.shim.postgres
            control.set(replace(control.machine, **what))

    def _repair(self) -> None:
        if self._stage.shim is not None:
            self._stage.shim.server.set(SOUND)
            self._stage.shim.postgres.set(SOUND)

    def _repair_disk(self) -> None:
        """What a full or faulty disk has ended must be started by somebody."""
        self._under_postgres(is_full=False, is_faulty=False)
        self._start_postgres()

    def _start_postgres(self) -> None:
        """Where it has a chance."""
        shim = self._stage.shim
        if shim is None or not (shim.postgres.machine.is_full or shim.postgres.machine.is_faulty):
            self._stage.database.start_if_down()

    # PostgreSQL

    def _signal_postgres(self, number: signal.Signals) -> None:
        processes.send(self._stage.database.pids(), number)

    def _signal_backend(self, fault: Fault, number: signal.Signals) -> None:
        pids = self._stage.database.backends()
        if pids:
            processes.send([pids[fault.which % len(pids)]], number)

    def _fail_over(self, fault: Fault) -> None:
        stage = self._stage
        if stage.database.standby is None:
            return
        stage.database.go_on()
        self._repair()  # the standby has a machine of its own
        place = stage.database.fail_over()
        for host in stage.hosts:
            host.to_postgres.target = place
            stage.background.run(host.to_postgres.cut())

    def _signal_standby(self, number: signal.Signals) -> None:
        processes.send(self._stage.database.standby_pids(), number)

    def _kill_standby(self) -> None:
        if self._stage.database.standby is not None:
            self._stage.database.standby.kill()

    # Redis

    def _crash_valkey(self) -> None:
        stage = self._stage
        if not stage.valkey_is_down:
            stage.valkey.kill()
            stage.valkey_is_down = True
        (stage.directory / "valkey" / "kept.rdb").unlink(missing_ok=True)

    def _start_valkey(self) -> None:
        stage = self._stage
        if stage.valkey_is_down:
            stage.valkey.start()
            stage.valkey_is_down = False
        self._signal_valkey(signal.SIGCONT)

    def _signal_valkey(self, number: signal.Signals) -> None:
        pid = self._stage.valkey.pid
        if pid is not None:
            processes.send([pid], number)

    def _age_valkey(self) -> None:
        """What it holds now it will hold again after its next start."""
        self._ask_valkey("SAVE")

    def _ask_valkey(self, *command: str) -> None:
        with suppress(redis.RedisError), self._stage.redis() as client:
            client.execute_command(*command)

    def _bound_valkey(self, memory_bytes: int) -> None:
        """It takes no writes as long as it holds more; 0 = no bound."""
        self._ask_valkey("CONFIG", "SET", "maxmemory", str(memory_bytes))

    def _restart_old_valkey(self) -> None:
        stage = self._stage
        if not stage.valkey_is_down:
            self._signal_valkey(signal.SIGCONT)
            stage.valkey.kill()
            stage.valkey.start()


_WEATHERS: dict[Kind, Callable[[float], Weather]] = {
    Kind.DELAY: lambda amount: Weather(delay_seconds=amount),
    Kind.NARROW: lambda amount: Weather(bytes_per_second=int(amount)),
    Kind.HOLD_REQUESTS: lambda _: Weather(holds_requests=True),
    Kind.HOLD_REPLIES: lambda _: Weather(holds_replies=True),
    Kind.DUPLICATE: lambda _: Weather(duplicates=True),
}
Step = Callable[[Director, Fault], None]
_BEGIN: dict[Kind, Step] = {
    Kind.WORKER_KILL: lambda d, f: d._signal_child(f, "worker", signal.SIGKILL),
    Kind.WORKER_STOP: lambda d, f: d._signal_child(f, "worker", signal.SIGSTOP),
    Kind.SYNC_KILL: lambda d, f: d._signal_child(f, "sync", signal.SIGKILL),
    Kind.SYNC_STOP: lambda d, f: d._signal_child(f, "sync", signal.SIGSTOP),
    Kind.JANITOR_KILL: lambda d, f: d._signal_child(f, "janitor", signal.SIGKILL),
    Kind.JANITOR_STOP: lambda d, f: d._signal_child(f, "janitor", signal.SIGSTOP),
    Kind.SERVER_KILL: Director._kill_server,
    Kind.SERVER_STOP: lambda d, f: d._signal_server(f, signal.SIGSTOP),
    Kind.SERVER_END: Director._end_server,
    Kind.SERVER_RENEW: Director._renew_workers,
    Kind.SERVER_CLOCK: lambda d, f: d._shift_server(f.amount),
    Kind.POSTGRES_CLOCK: lambda d, f: d._under_postgres(shift_seconds=f.amount),
    Kind.POSTGRES_SLOW_DISK: lambda d, f: d._under_postgres(sync_seconds=f.amount),
    Kind.POSTGRES_DISK_FULL: lambda d, _: d._under_postgres(is_full=True),
    Kind.POSTGRES_DISK_FAULTY: lambda d, _: d._under_postgres(is_faulty=True),
    Kind.POSTGRES_CRASH: lambda d, _: d._stage.database.crash(),
    Kind.POSTGRES_BACKEND_KILL: lambda d, f: d._signal_backend(f, signal.SIGKILL),
    Kind.POSTGRES_STOP: lambda d, _: d._signal_postgres(signal.SIGSTOP),
    Kind.POSTGRES_BACKEND_STOP: lambda d, f: d._signal_backend(f, signal.SIGSTOP),
    Kind.POSTGRES_SESSIONS_END: lambda d, _: processes.send(
        d._stage.database.backends(), signal.SIGTERM
    ),
    Kind.POSTGRES_FAIL_OVER: Director._fail_over,
    Kind.POSTGRES_STANDBY_STOP: lambda d, _: d._signal_standby(signal.SIGSTOP),
    Kind.POSTGRES_STANDBY_KILL: lambda d, _: d._kill_standby(),
    Kind.REDIS_CRASH: lambda d, _: d._crash_valkey(),
    Kind.REDIS_OLD: lambda d, _: d._age_valkey(),
    Kind.REDIS_STOP: lambda d, _: d._signal_valkey(signal.SIGSTOP),
    Kind.REDIS_FLUSH: lambda d, _: d._ask_valkey("FLUSHALL"),
    Kind.REDIS_SCRIPTS_FLUSH: lambda d, _: d._ask_valkey("SCRIPT", "FLUSH"),
    Kind.REDIS_CLIENTS_KILL: lambda d, _: d._ask_valkey("CLIENT", "KILL", "TYPE", "normal"),
    Kind.REDIS_FULL: lambda d, _: d._bound_valkey(1),
}
_END: dict[Kind, Step] = {
    Kind.SERVER_CLOCK: lambda d, _: d._shift_server(0.0),
    Kind.POSTGRES_CLOCK: lambda d, _: d._under_postgres(shift_seconds=0.0),
    Kind.POSTGRES_SLOW_DISK: lambda d, _: d._under_postgres(sync_seconds=0.0),
    Kind.POSTGRES_DISK_FULL: lambda d, _: d._repair_disk(),
    Kind.POSTGRES_DISK_FAULTY: lambda d, _: d._repair_disk(),
    Kind.WORKER_STOP: lambda d, f: d._signal_server(f, signal.SIGCONT),
    Kind.SYNC_STOP: lambda d, f: d._signal_server(f, signal.SIGCONT),
    Kind.JANITOR_STOP: lambda d, f: d._signal_server(f, signal.SIGCONT),
    Kind.SERVER_KILL: Director._start_server,
    Kind.SERVER_STOP: lambda d, f: d._signal_server(f, signal.SIGCONT),
    Kind.SERVER_END: Director._start_server,
    Kind.POSTGRES_CRASH: lambda d, _: d._start_postgres(),
    Kind.POSTGRES_STOP: lambda d, _: d._stage.database.go_on(),
    Kind.POSTGRES_BACKEND_STOP: lambda d, _: d._stage.database.go_on(),
    Kind.POSTGRES_STANDBY_STOP: lambda d, _: d._signal_standby(signal.SIGCONT),
    Kind.POSTGRES_STANDBY_KILL: lambda d, _: d._stage.database.start_standby_if_down(),
    Kind.REDIS_FULL: lambda d, _: d._bound_valkey(0),
    Kind.REDIS_CRASH: lambda d, _: d._start_valkey(),
    Kind.REDIS_OLD: lambda d, _: d._restart_old_valkey(),
    Kind.REDIS_STOP: lambda d, _: d._signal_valkey(signal.SIGCONT),
}
