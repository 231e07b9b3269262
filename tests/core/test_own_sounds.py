"""Which of our own sounds are noted for a file: those that its tenant wants there, as they were heard."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.commands import Sound
from controller.core.desk import Desk
from controller.core.media_kinds import OPERATIONS
from controller.core.options import Hears
from controller.core.own_sounds import LONGEST_LEAD, Played, lead_of
from controller.core.parties import Party, Side
from controller.core.requests import ControlRequest, LegTarget, Means, SystemActor

from .test_due import NOW, TENANT, desk_with, later

TOLD = {"announcement": "rec", "announce_to": Hears.EVERYBODY}


def opened(desk: Desk, call: Call, at: datetime) -> None:
    for segment in call.recordings[0].segments:
        desk.apply(f.CaptureOpened(segment.capture_id, at))


def sounds(call: Call) -> list[Played]:
    return [played for recording in call.recordings for played in recording.sounds]


def test_nothing_is_noted_for_who_does_not_want_it() -> None:
    desk, call = desk_with(**TOLD, beep_every_s=5, pause_tone=True)
    for leg in "ab":
        desk.apply(f.AnnouncementPlayed(leg, TENANT, later(2)))
    opened(desk, call, later(2))
    assert desk.tick(call, later(3)).commands
    assert sounds(call) == []


def test_the_announcement_from_when_it_was_asked_for_to_its_end() -> None:
    desk, call = desk_with(**TOLD, sounds_in_recording=True)
    desk.apply(f.AnnouncementPlayed("a", TENANT, later(2)))
    desk.apply(f.AnnouncementPlayed("b", TENANT, later(2.5), "no such sound"))
    assert sounds(call) == [Played(NOW, Sound.ANNOUNCEMENT, ("a",), later(2), "rec")]


def test_the_beep_and_the_tones_for_those_who_hear_them() -> None:
    desk, call = desk_with(beep_every_s=5, pause_tone=True, sounds_in_recording=True)
    opened(desk, call, later(1))
    desk.tick(call, later(2))
    capture = call.recordings[0].segments[0].capture_id
    for n, verb in enumerate(("pause", "resume")):
        asked = OPERATIONS[f"{verb}-recording"]
        desk.request(ControlRequest("q", later(3 + n), asked, LegTarget("a"), SystemActor("test"), Means.API))
        done = f.CaptureUnmasked if n else f.CaptureMasked
        desk.apply(done(capture, later(3.1 + n)))
    assert sounds(call) == [
        Played(later(2), Sound.BEEP, ("a", "b")),
        Played(later(3.1), Sound.PAUSED, ("a", "b")),
        Played(later(4.1), Sound.RESUMED, ("a", "b")),
    ]


def test_an_announcement_is_in_its_own_tenants_recording_and_conversation_only() -> None:
    """101 has 102 on hold, whose recording goes on, and talks to 103, who is told."""
    desk, call = desk_with(**TOLD, sounds_in_recording=True)
    for leg in "ab":
        desk.apply(f.AnnouncementPlayed(leg, TENANT, later(1)))
    opened(desk, call, later(1))
    [first] = call.recordings
    before = list(first.sounds)
    for leg, user in (("c", "101"), ("d", "103")):
        party = Party(Side.INTERNAL, TENANT, user, user)
        desk.apply(f.LegStarted(leg, later(2), party, leg == "c", "a"))
        desk.apply(f.LegAnswered(leg, later(3)))
        desk.apply(f.BridgeEntered(leg, "C", later(3)))
    for leg in "cd":
        desk.apply(f.AnnouncementPlayed(leg, TENANT, later(4)))
    assert first.sounds == before
    [_, other] = call.recordings
    assert [p.legs for p in other.sounds] == [("c",), ("d",)]


@pytest.mark.parametrize(
    ("at", "leads"), [((-2.0, -1.5), 2.0), ((1.0,), 0.0), ((-70.0, -3.0), 3.0), ((), 0.0)]
)
def test_a_recording_begins_with_what_was_said_just_before_it(at: tuple[float, ...], leads: float) -> None:
    said = [Played(later(x), Sound.ANNOUNCEMENT, ("a",), later(x + 1), "rec") for x in at]
    tone = Played(NOW - LONGEST_LEAD, Sound.BEEP, ("a",))
    assert lead_of([*said, tone], NOW) == timedelta(seconds=leads)
