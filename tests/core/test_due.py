"""When time alone changes something about a call, and that it is not looked at before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.commands import CloseCapture, Command, OpenCapture, PlaySound
from controller.core.desk import Desk
from controller.core.media_kinds import OPERATIONS
from controller.core.options import Hears, TenantOptions
from controller.core.parties import Party, Side
from controller.core.requests import ControlRequest, LegTarget, Means, SystemActor
from controller.core.sounds import ANNOUNCEMENT_LIMIT
from tests.policies import policy_of, tenant_rule

NOW = datetime(2026, 11, 29, 10, tzinfo=UTC)
TENANT = "acme.test"


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def desk_with(**options: object) -> tuple[Desk, Call]:
    """A recorded call of 101 with 102, put through at NOW."""
    numbers = count(1)
    policy = policy_of(tenant_rule(TENANT, True), options={TENANT: TenantOptions(**options)})  # type: ignore[arg-type]
    desk = Desk(lambda: f"R{next(numbers)}", policy)
    for leg, user in (("a", "101"), ("b", "102")):
        party = Party(Side.INTERNAL, TENANT, user, user)
        desk.apply(f.LegStarted(leg, NOW, party, leg == "a", "a" if leg == "b" else None))
        desk.apply(f.LegAnswered(leg, NOW))
        desk.apply(f.BridgeEntered(leg, "B", NOW))
    [call] = desk.book
    return desk, call


def ticked(desk: Desk, call: Call, at: datetime, kind: type[Command]) -> int:
    """How many commands of a kind come of it; it must be due."""
    assert desk.agenda.by(at) == [call]
    return sum(isinstance(command, kind) for _, command in desk.tick(call, at).commands)


def test_a_call_that_is_recorded_rests() -> None:
    desk, call = desk_with()
    assert desk.agenda.by(later(86_400)) == []
    desk.apply(f.CaptureOpened(call.recordings[0].segments[0].capture_id, NOW))
    assert desk.agenda.by(later(86_400)) == []


def test_a_pause_is_due_when_it_has_lasted_as_long_as_it_may() -> None:
    desk, call = desk_with(longest_pause_s=60)
    capture = call.recordings[0].segments[0].capture_id
    desk.apply(f.CaptureOpened(capture, NOW))
    pause = OPERATIONS["pause-recording"]
    desk.request(ControlRequest("q", later(1), pause, LegTarget("a"), SystemActor("test"), Means.API))
    desk.apply(f.CaptureMasked(capture, later(1)))
    assert desk.agenda.by(later(60.9)) == []
    assert desk.agenda.by(later(61)) == [call]
    desk.tick(call, later(61))
    assert call.recordings[0].open_pause is None
    assert desk.agenda.by(later(86_400)) == []


def test_a_beep_is_due_at_once_and_then_again_and_again() -> None:
    desk, call = desk_with(beep_every_s=15)
    assert desk.agenda.by(later(86_400)) == []
    desk.apply(f.CaptureOpened(call.recordings[0].segments[0].capture_id, NOW))
    assert ticked(desk, call, later(1), PlaySound) == 2
    assert desk.agenda.by(later(15.9)) == []
    assert ticked(desk, call, later(16), PlaySound) == 2


def test_an_open_refused_thrice_is_due_five_seconds_later() -> None:
    desk, call = desk_with()
    for number in (1, 2, 3):
        capture = call.recordings[0].segments[number - 1].capture_id
        desk.apply(f.CaptureRefused(capture, later(number), "no"))
    assert desk.agenda.by(later(6.9)) == []
    assert ticked(desk, call, later(7), OpenCapture) == 1


@pytest.mark.parametrize("ahead_s", [0, 3600])
def test_a_close_refused_is_due_at_once_by_any_clock(ahead_s: float) -> None:
    """Though the switch's be ahead of ours."""
    desk, call = desk_with()
    capture = call.recordings[0].segments[0].capture_id
    desk.apply(f.CaptureOpened(capture, later(ahead_s)))
    desk.apply(f.BridgeLeft("b", "B", later(ahead_s)))
    for _ in range(3):
        desk.apply(f.CaptureCloseRefused(capture, later(ahead_s), "no"))
    assert ticked(desk, call, NOW, CloseCapture) == 1
    desk.apply(f.CaptureClosed(capture, later(ahead_s)))
    assert desk.agenda.by(later(86_400)) == []


def test_an_announcement_of_which_nothing_is_heard_is_due_when_it_must_be_over() -> None:
    desk, call = desk_with(announcement="notice", announce_to=Hears.EVERYBODY)
    over = NOW + ANNOUNCEMENT_LIMIT
    assert desk.agenda.by(over - timedelta(seconds=1)) == []
    assert ticked(desk, call, over, OpenCapture) == 1


def test_a_call_that_a_restart_takes_over_is_due_as_before() -> None:
    desk, call = desk_with(longest_pause_s=60)
    pause = OPERATIONS["pause-recording"]
    desk.request(ControlRequest("q", later(1), pause, LegTarget("a"), SystemActor("test"), Means.API))
    again = Desk(lambda: "R9", desk.policy)
    again.restore([call])
    assert again.agenda.by(later(60)) == []
    assert again.agenda.by(later(61)) == [call]


def test_what_has_ended_is_due_no_more() -> None:
    desk, _ = desk_with(beep_every_s=15)
    [call] = desk.book
    desk.apply(f.CaptureOpened(call.recordings[0].segments[0].capture_id, NOW))
    assert desk.agenda.by(NOW) == [call]
    for leg in "ab":
        desk.apply(f.LegHungUp(leg, later(1)))
    assert desk.agenda.by(later(86_400)) == []


def test_two_calls_that_become_one_are_due_as_one() -> None:
    desk, call = desk_with(beep_every_s=15)
    for leg, user in (("c", "103"), ("d", "104")):
        desk.apply(f.LegStarted(leg, later(1), Party(Side.INTERNAL, TENANT, user, user), leg == "c"))
        desk.apply(f.BridgeEntered(leg, "C", later(1)))
    for other in desk.book:
        desk.apply(f.CaptureOpened(other.recordings[0].segments[0].capture_id, later(1)))
    assert len(desk.agenda.by(later(1))) == 2
    desk.apply(f.BridgeEntered("d", "B", later(2)))
    assert [c.call_id for c in desk.agenda.by(later(2))] == [call.call_id]
