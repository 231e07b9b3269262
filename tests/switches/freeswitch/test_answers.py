"""Answers to MESSAGEs, the Record key, sounds: what is sent to whom, and what of an event is believed."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime

import pytest

from controller.core import facts as f
from controller.core.commands import PlaySound, Sound
from controller.core.requests import ControlOutcome, Means
from controller.switches.freeswitch import verbs
from controller.switches.freeswitch.answers import REMEMBERED, answer
from controller.switches.freeswitch.connection import Event, one_message
from controller.switches.freeswitch.ear import TONES, Ear, announcement
from controller.switches.freeswitch.record_key import OFF, ON, may_be_the_key

from .captured import events, translator


def asking(**headers: str) -> Event:
    event = next(dict(e) for e in events("06") if e["Event-Name"] == "RECV_MESSAGE")
    return event | headers


def test_the_answer_goes_to_the_address_that_asked() -> None:
    reader = translator()
    request = reader.request(asking(from_sip_ip="192.0.2.7", from_sip_port="5066"))
    assert request is not None
    asker = reader.requests.askers.take(request.request_id)
    assert asker is not None
    head, body = answer(asker, ControlOutcome(request.request_id, True, "paused", answer=True))
    lines = head.splitlines()
    assert "to: internal/sip:101@192.0.2.7:5066" in lines
    assert "type: application/x-media-control+json" in lines
    assert json.loads(body)["result"] == "ok"
    assert json.loads(body)["operation"] == "pause-audio-recording"
    assert reader.requests.askers.take(request.request_id) is None, "once"
    message = one_message(head, body)
    assert message.endswith(body.encode())
    assert f"Content-Length: {len(body.encode())}\n\n".encode() in message


@pytest.mark.parametrize(
    "headers",
    [
        {"from_sip_ip": "192.0.2.7\nto: x"}, {"from_sip_ip": "host.example"}, {"from_sip_port": "0"},
        {"from_sip_port": "99999"}, {"from_user": "a@b"}, {"from_user": "101>"}, {"from_host": "a b"},
        {"sip_profile": "in/ternal"}, {"from_user": "x\n\nbgapi shutdown"},
    ],
)  # fmt: skip
def test_what_is_no_address_gets_nothing(headers: dict[str, str]) -> None:
    reader = translator()
    request = reader.request(asking(**headers))
    assert request is not None
    assert reader.requests.askers.take(request.request_id) is None


def test_so_many_askers_are_remembered_and_no_more() -> None:
    reader = translator()
    requests = [reader.request(asking()) for _ in range(REMEMBERED + 5)]
    known = [r for r in requests if r is not None and reader.requests.askers.take(r.request_id) is not None]
    assert len(known) == REMEMBERED


@pytest.mark.parametrize("text", ["a\n\nb", "a\r\nb", "a\0", "a\n"])
def test_a_head_holds_one_message(text: str) -> None:
    with pytest.raises(ValueError, match="line end"):
        one_message(text, "{}")


INFO: Event = {"Event-Name": "RECV_INFO", "Unique-ID": "leg-1"}


def pressed() -> str:
    return f"/tmp/tapeline-{uuid.uuid4()}.key"


def test_each_new_name_is_an_on_and_an_empty_info_after_it_an_off() -> None:
    reader = translator()
    first, second = pressed(), pressed()
    said = [
        reader.requests.record_key(INFO, name)
        for name in ("_undef_", first, first, second, "/rec/own-template.wav", "-ERR No such channel!")
    ]
    assert [r.operation if r else None for r in said] == [None, ON, OFF, ON, None, None]
    assert {r.means for r in said if r} == {Means.RECORD_KEY}


def test_a_first_off_where_the_directory_says_that_an_empty_info_is_one() -> None:
    reader, ready, on = translator(), f"/tmp/tapeline-{uuid.UUID(int=0)}.key", pressed()
    said = [reader.requests.record_key(INFO, name) for name in (ready, ready, on, on)]
    assert [r.operation if r else None for r in said] == [OFF, OFF, ON, OFF]


def test_an_info_with_a_body_is_never_the_key() -> None:
    assert may_be_the_key(INFO)
    assert not may_be_the_key({**INFO, "SIP-Content-Type": "application"})
    assert not may_be_the_key({**INFO, "_body": "Signal=5"})
    assert not may_be_the_key({**INFO, "Unique-ID": ""})
    assert not may_be_the_key({**INFO, "Event-Name": "RECV_MESSAGE"})


def test_an_on_of_before_a_reconnection_is_not_pressed_again() -> None:
    reader, name = translator(), pressed()
    created = next(dict(e) for e in events("01") if e["Event-Name"] == "CHANNEL_CREATE")
    reader.leg_from_dump(created | {"variable_sofia_record_file": name})
    off = reader.requests.record_key(INFO | {"Unique-ID": created["Unique-ID"]}, name)
    assert off is not None
    assert off.operation == OFF


# ── sounds ────────────────────────────────────────────────────────────────────────────────────


class Switch:
    def __init__(self, reply: str = "+OK Success\n") -> None:
        self.sent: list[str] = []
        self.reply = reply

    async def api(self, text: str) -> str:
        self.sent.append(text)
        return self.reply


def ear(switch: Switch) -> Ear:
    return Ear(switch.api, lambda: datetime(2030, 1, 1, tzinfo=UTC))


def over(leg: str, target: str) -> Event:
    return {
        "Event-Name": "MEDIA_BUG_STOP", "Media-Bug-Function": "displace", "Unique-ID": leg,
        "Media-Bug-Target": target,
    }  # fmt: skip


ANNOUNCE = PlaySound("leg-1", Sound.ANNOUNCEMENT, "acme/hello", "acme.test")


async def test_an_announcement_is_over_when_the_switch_says_so() -> None:
    switch = Switch()
    listener = ear(switch)
    playing = asyncio.create_task(listener.play(ANNOUNCE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert switch.sent == ["uuid_displace leg-1 start acme/hello.wav 0 m"]
    listener.event(over("leg-2", "/sounds/acme/hello.wav"))
    listener.event(over("leg-1", "/sounds/acme/other.wav"))
    await asyncio.sleep(0)
    assert not playing.done()
    listener.event(over("leg-1", "/sounds/acme/hello.wav"))
    played = await playing
    assert isinstance(played, f.AnnouncementPlayed)
    assert (played.leg_id, played.tenant, played.error) == ("leg-1", "acme.test", "")


@pytest.mark.parametrize("end", ["missing", "hang-up", "connection"])
async def test_one_that_cannot_be_heard_says_why(end: str) -> None:
    switch = Switch("-ERR Cannot displace session!\n" if end == "missing" else "+OK\n")
    listener = ear(switch)
    playing = asyncio.create_task(listener.play(ANNOUNCE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    if end == "hang-up":
        listener.event({"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": "leg-1"})
    elif end == "connection":
        listener.lost()
    played = await playing
    assert isinstance(played, f.AnnouncementPlayed)
    assert played.error


async def test_a_tone_ends_before_a_capture_begins_in_the_same_ear() -> None:
    switch = Switch()
    listener = ear(switch)
    playing = asyncio.create_task(listener.play(PlaySound("leg-1", Sound.BEEP)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await listener.quiet("leg-2")
    assert len(switch.sent) == 1
    await listener.quiet("leg-1")
    assert switch.sent[1:] == [f"uuid_displace leg-1 stop {TONES[Sound.BEEP]}"]
    listener.event(over("leg-1", TONES[Sound.BEEP]))
    assert await playing is None


@pytest.mark.parametrize("name", ["../etc/passwd", "a b", "a;b", "", "a\nb", "$(x)", "http://x"])
def test_a_sound_is_a_name_and_nothing_else(name: str) -> None:
    with pytest.raises(verbs.UnsafeArgument):
        announcement(name)
