"""A snapshot takes a while, and commands go on meanwhile: what it is unsure of stays as the answers say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from controller.core import facts as f
from controller.core.captures import CaptureState
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.media_kinds import OPERATIONS
from controller.core.parties import Party, Side
from controller.core.recording import Recording
from controller.core.requests import ControlRequest, Means, NameTarget, SystemActor
from tests.policies import policy_of, tenant_rule

from .model_switch import ModelLeg, ModelSwitch

AT = datetime(2026, 11, 28, 10, tzinfo=UTC)
ALICE = Party(Side.INTERNAL, "acme.test", "101", "101")
XENA = Party(Side.EXTERNAL, None, None, "+15550001111")


class World:
    """A call between the two, on a switch that says what it is told, and the desk's beliefs."""

    def __init__(self) -> None:
        ids = count(1)
        self.switch = ModelSwitch()
        self.desk = Desk(lambda: f"I{next(ids)}", policy_of((tenant_rule("acme.test", True),)))
        self.seconds = count(1)
        for leg, party, calling in (("x", XENA, True), ("a", ALICE, False)):
            origin = None if calling else "x"
            self.desk.apply(f.LegStarted(leg, AT, party, calling=calling, origin=origin))
            self.switch.legs[leg] = ModelLeg(leg, party, calling, origin, answered=True, bridge_id="B")
            self.desk.apply(f.LegAnswered(leg, AT))
        self.desk.apply(f.BridgeEntered("x", "B", AT))
        self.opening = self.desk.apply(f.BridgeEntered("a", "B", AT))

    def at(self) -> datetime:
        return AT + timedelta(seconds=next(self.seconds))

    def follow(self, effects: Effects) -> None:
        for _, command in effects.commands:
            fact = self.switch.execute(command, self.at())
            if fact is not None:
                self.follow(self.desk.apply(fact))

    def ask(self, operation: str) -> Effects:
        name, actor = OPERATIONS[operation], SystemActor("test")
        request = ControlRequest(operation, self.at(), name, NameTarget("a"), actor, Means.API)
        outcome, effects = self.desk.request(request)
        assert outcome.accepted, outcome
        return effects

    @property
    def recording(self) -> Recording:
        [call] = self.desk.book
        [recording] = call.recordings
        return recording

    def snapshot(self, *unsure: str) -> f.SwitchSnapshot:
        return replace(self.switch.snapshot(self.at()), unsure=frozenset(unsure))

    def settle(self, snapshot: f.SwitchSnapshot) -> None:
        self.follow(self.desk.apply(snapshot))


@pytest.fixture
def world() -> World:
    return World()


def test_a_resume_while_it_is_taken_is_not_undone_for_reasons_that_nobody_knows(world: World) -> None:
    world.follow(world.opening)
    world.follow(world.ask("pause-audio-recording"))
    capture = world.recording.segments[0].capture_id
    old = world.snapshot(capture)
    assert old.captures[0].masked
    world.follow(world.ask("resume-audio-recording"))
    world.settle(old)
    assert [s.state for s in world.recording.segments] == [CaptureState.RECORDING]
    assert [p.asked_by for p in world.recording.pauses] == ["test"], "no second pause, of nobody's"
    assert not world.switch.captures[capture].masked


def test_a_capture_that_is_opened_meanwhile_is_not_gone(world: World) -> None:
    [capture] = [c.capture_id for _, c in world.opening.commands if hasattr(c, "own_voice_only")]
    old = world.snapshot(capture)
    assert not old.captures
    world.settle(old)  # the answer to the open has not come yet
    assert [s.state for s in world.recording.segments] == [CaptureState.REQUESTED]
    world.follow(world.opening)
    assert [s.state for s in world.recording.segments] == [CaptureState.RECORDING]
    assert list(world.switch.captures) == [capture]


def test_one_that_is_closed_meanwhile_is_no_stray(world: World) -> None:
    world.follow(world.opening)
    capture = world.recording.segments[0].capture_id
    old = world.snapshot(capture)
    world.follow(world.ask("stop-audio-recording"))
    world.settle(old)
    assert not world.switch.captures
    assert [s.state for s in world.recording.segments] == [CaptureState.ENDED]
