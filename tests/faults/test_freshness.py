"""A short campaign of each kind; `make freshness` runs the long ones."""

from __future__ import annotations

import pytest

from tests.faults.conftest import OpenStage
from tests.freshness.campaign import ENVIRONMENT, run_campaign

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PAYMENTS, CALM = 150, 12


def test_no_worker_shows_a_settled_debt(open_stage: OpenStage) -> None:
    stage = open_stage(environment=ENVIRONMENT)
    found = run_campaign(stage, PAYMENTS, seed=1, calm=CALM)
    assert not found.faults, found
    assert found.at_once + found.later > PAYMENTS
    assert found.checks["memory"] > 0


def test_nor_does_another_server_once_it_was_told(open_stage: OpenStage) -> None:
    stage = open_stage(environment=ENVIRONMENT, hosts=2)
    found = run_campaign(stage, PAYMENTS, seed=2, calm=CALM)
    assert not found.faults, found
    assert found.across > PAYMENTS / 2
