"""The transition table: whole, sound, and drawn in docs/states.md as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.messages import PaymentState
from server.payments.ports import Action, Result
from server.payments.states import TRANSITIONS, after

STATES: tuple[PaymentState | None, ...] = (None, *PaymentState)
PAGE = Path(__file__).parents[2] / "docs" / "states.md"


def named(state: PaymentState | None) -> str:
    return "none" if state is None else state.value


def diagram() -> str:
    """The arrows of the table, for a page that renders mermaid."""
    arrows = [
        f"  {named(state) if state else '[*]'} --> {to.value}: {action.value}"
        for (state, action), to in TRANSITIONS.items()
        if isinstance(to, PaymentState)
    ]
    return "\n".join(("```mermaid", "stateDiagram-v2", *arrows, "```"))


def grid() -> str:
    """Every cell: the new state in bold, or what is answered."""
    lines = ["| is | " + " | ".join(action.value for action in Action) + " |"]
    lines.append("|---" * (len(Action) + 1) + "|")
    for state in STATES:
        cells = [after(state, action) for action in Action]
        told = [
            f"**{to.value}**" if isinstance(to, PaymentState) else to.value.replace("_", " ")
            for to in cells
        ]
        lines.append(f"| {named(state)} | " + " | ".join(told) + " |")
    return "\n".join(lines)


def test_every_state_says_what_every_action_does() -> None:
    assert set(TRANSITIONS) == {(state, action) for state in STATES for action in Action}


@pytest.mark.parametrize("drawn", [diagram, grid])
def test_the_page_shows_the_table_as_it_is(drawn: object) -> None:
    assert callable(drawn)
    assert drawn() in PAGE.read_text(encoding="utf-8")


def test_money_is_credited_at_most_once_and_never_after_the_end() -> None:
    assert {
        state for (state, _), to in TRANSITIONS.items() if to is PaymentState.CREDITED
    } == {None, PaymentState.HELD}  # fmt: skip
    ends = (PaymentState.CANCELLED, PaymentState.REVERSED, PaymentState.EXPIRED)
    for (state, _), to in TRANSITIONS.items():
        if state in ends:
            assert isinstance(to, Result)


def test_a_carried_out_action_repeated_changes_nothing_more() -> None:
    for (_, action), to in TRANSITIONS.items():
        if isinstance(to, PaymentState):
            assert after(to, action) is Result.REPEATED
