"""What holds for the first check of a connection holds for all that follow and look like it."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from email.utils import format_datetime

import pytest

from server.money import Money
from tests.transport.doors import AGENTS, NOW, Door, Line, agent, check, opened
from tests.transport.test_wire import posted
from tests.transport.town import Town


async def known(door: Door, first: bytes) -> Line:
    """A connection whose next requests are known by what stands around the question."""
    line = door.connect()
    line.feed(first)
    await line.settle()
    assert line.sent.count(b"<result>0</result>") == 1
    line.sent.clear()
    return line


def results(line: Line) -> list[str]:
    return [part.partition(b"<")[0].decode() for part in bytes(line.sent).split(b"<result>")[1:]]


async def test_rates_hold() -> None:
    limits = replace(AGENTS["osmp"].limits, requests_per_second_max=4)
    async with opened(is_fast=True, agents={"osmp": agent("osmp", limits=limits)}) as door:
        line = await known(door, check())
        for _ in range(12):
            line.feed(check())
            await line.settle()
        assert 3 <= results(line).count("0") <= 8  # the second may change
        assert results(line).count("1") >= 4
        assert line.protocol.pieces == []


async def test_unknown_accounts_are_counted() -> None:
    limits = replace(AGENTS["osmp"].limits, unknown_accounts_per_minute_max=2)
    async with opened(is_fast=True, agents={"osmp": agent("osmp", limits=limits)}) as door:
        line = await known(door, check())
        for number in ("5000001", "5000002", "5000003", "1004217"):
            line.feed(check(number))
            await line.settle()
        assert results(line) == ["5", "5", "1", "1"]


async def test_limits_of_a_sum_hold() -> None:
    limits = replace(AGENTS["osmp"].limits, amount_min=Money(500), amount_max=Money(600))
    async with opened(is_fast=True, agents={"osmp": agent("osmp", limits=limits)}) as door:
        line = await known(door, check(amount="5.50"))
        for amount in ("4.99", "5.00", "6.00", "6.01", "0.00"):
            line.feed(check(amount=amount))
            await line.settle()
        assert results(line) == ["241", "0", "0", "242", "0"]


async def test_what_may_not_be_trusted_is_asked_for() -> None:
    town = Town()
    async with opened(is_fast=True, town=town) as door:
        line = await known(door, check())
        assert town.asked == []
        town.trusted = False
        line.feed(check())
        await line.settle()
        assert town.asked == ["1004217"]
        town.trusted = True
        line.feed(check())
        await line.settle()
        assert town.asked == ["1004217"]
        assert results(line) == ["0", "0"]


async def test_an_agent_that_is_paused_is_heard_no_more() -> None:
    async with opened(is_fast=True) as door:
        line = await known(door, check())
        door.book.agents = {"osmp": agent("osmp", allow_list=AGENTS["osmp-far"].allow_list)}
        await asyncio.sleep(0.01)
        line.feed(check())
        await line.settle()
        assert results(line) != ["0"]


async def test_the_time_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(is_fast=True) as door:
        line = await known(door, check())
        for seconds in (0, 1, 61):
            moment = NOW + dt.timedelta(seconds=seconds)
            monkeypatch.setattr(door.lane, "_wall_clock", lambda moment=moment: moment)
            await asyncio.sleep(0.01)
            line.feed(check())
            await line.settle()
            assert f"\r\nDate: {format_datetime(moment, usegmt=True)}\r\n".encode() in line.sent
            line.sent.clear()


async def test_what_follows_a_body_is_no_part_of_it() -> None:
    """Digits behind the announced end would make another account of the one that was asked for."""
    form = posted(b"command=check&txn_id=1&sum=1.00&account=1004217")
    async with opened(is_fast=True) as door:
        line = await known(door, form)
        line.feed(form + b"5")
        assert results(line) == ["0"]
        assert [end - start for start, end in line.protocol.pieces] == [1]
