"""The capture machine is its table, and the documentation shows that table."""

from __future__ import annotations

from itertools import product

import pytest

from controller.core.captures import TRANSITIONS, CaptureEvent, CaptureState, advance
from controller.core.errors import IllegalTransition

from . import draw_captures

EVERY = list(product(CaptureState, CaptureEvent))


@pytest.mark.parametrize(("state", "event"), sorted(TRANSITIONS))
def test_what_the_table_holds_happens(state: CaptureState, event: CaptureEvent) -> None:
    assert advance(state, event) is TRANSITIONS[state, event]


@pytest.mark.parametrize(("state", "event"), [key for key in EVERY if key not in TRANSITIONS])
def test_what_it_does_not_hold_is_refused(state: CaptureState, event: CaptureEvent) -> None:
    with pytest.raises(IllegalTransition, match=f"{event}.*{state}"):
        advance(state, event)


def test_final_states_have_no_way_out() -> None:
    final = {state for state in CaptureState if state.final}
    assert final == {CaptureState.ENDED, CaptureState.FAILED}
    assert not [key for key in TRANSITIONS if key[0] in final]


def test_every_state_can_be_reached_and_can_end() -> None:
    reached = {CaptureState.REQUESTED}
    for _ in CaptureState:
        reached |= {after for (state, _), after in TRANSITIONS.items() if state in reached}
    assert reached == set(CaptureState)
    for state in CaptureState:
        if not state.final:
            assert TRANSITIONS[state, CaptureEvent.CLOSED].final
            assert TRANSITIONS[state, CaptureEvent.CLOSE] is CaptureState.CLOSING


def test_silence_is_never_left_but_by_a_confirmed_unmask() -> None:
    silent = {CaptureState.PAUSED, CaptureState.UNMASKING}
    leaving = {
        (state, event) for (state, event), after in TRANSITIONS.items()
        if state in silent and after is CaptureState.RECORDING
    }  # fmt: skip
    assert leaving == {(CaptureState.UNMASKING, CaptureEvent.UNMASKED)}


def test_the_diagram_is_current() -> None:
    assert draw_captures.current() == draw_captures.diagram(), "run: python -m tests.core.draw_captures"
