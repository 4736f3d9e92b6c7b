"""A short campaign of each kind; `make freshness` runs the long ones."""

from __future__ import annotations

import pytest

from tests.faults.conftest import OpenStage
from tests.freshness.campaign import ENVIRONMENT, Size, run_campaign

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAYMENTS = 150
SIZE = Size(payers=3, payments=PAYMENTS, pairs=10 * PAYMENTS, seconds=240, calm=12)


def test_no_worker_shows_a_settled_debt(open_stage: OpenStage) -> None:
    stage = open_stage(environment=ENVIRONMENT)
    found = run_campaign(stage, SIZE, seed=1)
    assert not found.faults, found
    assert found.at_once + found.later > 0
    assert found.checks["memory"] > 0


def test_nor_does_another_server_once_it_was_told(open_stage: OpenStage) -> None:
    stage = open_stage(environment=ENVIRONMENT, hosts=2)
    found = run_campaign(stage, SIZE, seed=2)
    assert not found.faults, found
    assert found.across > 0
