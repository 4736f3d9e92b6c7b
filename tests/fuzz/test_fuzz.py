"""A short campaign over all codecs, and whether a broken promise would be found at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from server.messages import CheckAccount, Command
from server.protocols import Codec, Request, Response, load
from tests.fuzz.__main__ import SHARE_MIN
from tests.fuzz.inputs import Case, read, seeds
from tests.fuzz.promises import check
from tests.fuzz.reached import lines_of, reached

NAMES = sorted(load())
RUNS = 6000
SEED = 1


@pytest.mark.parametrize("name", NAMES)
def test_the_vectors_reach_nearly_every_line(name: str) -> None:
    """So a campaign begins where the codec is deep already."""
    lines = lines_of(name)
    missed = lines - reached(name, list(seeds(name)))
    assert len(missed) <= (1 - SHARE_MIN) * len(lines), sorted(missed)


@pytest.mark.skipif(find_spec("atheris") is None, reason="atheris has no build for this machine")
def test_a_short_campaign_breaks_no_promise(tmp_path: Path) -> None:
    planted = sum(len(list(seeds(name))) for name in NAMES)
    words = ("tests.fuzz.campaign", str(tmp_path), str(planted + RUNS), str(SEED), *NAMES)
    done = subprocess.run(
        [sys.executable, "-m", *words],
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert "stat::number_of_executed_units" in said
    assert list(tmp_path.glob("broken-*")) == []


def _case() -> Case:
    """A plain check, such as the fast lane answers."""
    for case in (read("osmp", seed) for seed in seeds("osmp")):
        fast = case.codec.fast and case.codec.fast(case.request.agent)
        query = case.request.query.encode()
        if fast and fast.recognise(query, 0, len(query)):
            return case
    raise AssertionError("osmp has no plain check among its vectors")


def _decodes_to(what: Callable[[Request], Command]) -> Case:
    case = _case()
    return replace(case, codec=replace(case.codec, decode=what))


def test_what_the_codec_raises_is_found() -> None:
    def stumbles(_request: Request) -> Command:
        raise KeyError("sum")

    check(_case())
    with pytest.raises(KeyError):
        check(_decodes_to(stumbles))


@pytest.mark.parametrize("account", ["1\0", "\ud800"])
def test_what_the_database_cannot_hold_is_found(account: str) -> None:
    with pytest.raises((AssertionError, UnicodeEncodeError)):
        check(_decodes_to(lambda _request: CheckAccount(account)))


def test_another_account_than_the_fast_lanes_is_found() -> None:
    with pytest.raises(AssertionError):
        check(_decodes_to(lambda _request: CheckAccount("1004218")))


@pytest.mark.parametrize("content_type", ["text/xml", "application/json"])
def test_an_answer_that_cannot_be_read_is_found(content_type: str) -> None:
    def encode(_request: Request, _outcome: object) -> Response:
        return Response(b"<a>", content_type)

    case = _case()
    codec: Codec = replace(case.codec, encode=encode)
    with pytest.raises((ValueError, SyntaxError)):
        check(replace(case, codec=codec))
