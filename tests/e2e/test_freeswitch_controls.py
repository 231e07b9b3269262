"""FreeSWITCH: the Record key, answers to MESSAGEs, sounds in one ear, codes of a tenant's own, two channels.

What is heard is listened to in the phones, and that it is not in the files in the files.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from controller.config import FreeSwitchConfig
from controller.demo.lab import ANNOUNCEMENT_HZ
from controller.demo.listen import find_masks, spans
from controller.demo.phone import Dialog
from controller.switches.freeswitch.doctor import examine

from .parties import ms_of, next_call
from .system import JSON_CONTROL, TONES, TRUNK_A, System, until

pytestmark = [pytest.mark.freeswitch, pytest.mark.parametrize("running", ["freeswitch"], indirect=True)]

BEEP_HZ = 1400
#: Falling at a pause, rising at a resume.
TONE_HZ = (1000, 700)


async def recorded(system: System, *who: str) -> tuple[Dialog, Dialog, str]:
    a, b = await system.call(*who)
    user = next(w for w in who if w != "outside")
    call_id = await system.call_id(user)
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    return a, b, call_id


def heard(dialog: Dialog, hertz: float) -> int:
    """How many ms of a tone have reached this phone."""
    return sum(s.duration_ms for s in spans(dialog.rtp.samples(), 8000, hertz))


# ── the Record key ────────────────────────────────────────────────────────────────────────────


async def test_the_record_key_pauses_and_resumes_and_records_nothing_of_its_own(system: System) -> None:
    a, _, call_id = await recorded(system, "101", "102")
    for key, state in (("on", "recording"), ("off", "paused"), ("on", "recording")):
        reply = await a.request("INFO", headers=[f"Record: {key}"])
        assert reply.status == 200, reply.message.start
        await system.recording_up(call_id, state)
        await asyncio.sleep(0.8)
    await a.send_info_digits("5")  # another INFO is no key
    await asyncio.sleep(0.5)
    bugs = await system.lab.cli("show calls")
    assert ".key" not in bugs
    await a.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("record_key", "record_key")
    assert pause["asked_by"] == "101@acme.test"
    masks = find_masks(await system.audio(recording["recording"]["recording_id"]))
    assert len(masks) == 1
    assert 600 < masks[0][1] - masks[0][0] < 1600
    assert not list(system.lab.folder.rglob("*.key")), "no recording of FreeSWITCH's own"


async def test_the_record_key_starts_and_stops_where_that_is_the_user_s(system: System) -> None:
    await system.put_policy("acme.test", "101", True, mode="on_demand_start")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await asyncio.sleep(0.6)
    await a.request("INFO", headers=["Record: on"])
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.request("INFO", headers=["Record: off"])
    await system.recording_up(call_id, "ended")
    await asyncio.sleep(0.5)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert 600 < recording["recording"]["duration_ms"] < 2000, recording["recording"]


async def test_an_off_as_the_first_key_where_the_directory_says_that_an_empty_info_is_one(
    system: System,
) -> None:
    file = system.lab.folder / "conf/directory/acme.test.xml"
    shipped = file.read_text()
    ready = f"/tmp/tapeline-{uuid.UUID(int=0)}.key"
    variable = f'<variables><variable name="sofia_record_file" value="{ready}"/>'
    file.write_text(shipped.replace("<variables>", variable))
    await system.lab.cli("reloadxml")
    try:
        a, b, call_id = await recorded(system, "101", "102")
    finally:
        file.write_text(shipped)
        await system.lab.cli("reloadxml")
    for dialog in (a, b):  # who calls, and who is called
        reply = await dialog.request("INFO", headers=["Record: off"])
        assert reply.status == 200, reply.message.start
        await system.recording_up(call_id, "paused")
        await asyncio.sleep(0.5)
        await system.control(call_id, "resume-recording")
        await system.recording_up(call_id)
        await asyncio.sleep(0.3)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert [p["asked_by"] for p in recording["pauses"]] == ["101@acme.test", "102@acme.test"]
    assert [p["means"] for p in recording["pauses"]] == ["record_key"] * 2


async def test_an_outside_party_has_no_record_key(system: System) -> None:
    a, _, call_id = await recorded(system, "outside", "101")
    for key in ("on", "off"):
        await a.request("INFO", headers=[f"Record: {key}"])
    await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["pauses"] == []


# ── carrying on alone ─────────────────────────────────────────────────────────────────────────


async def test_a_switch_that_takes_us_for_away_ends_nothing_that_we_have_begun_of_a_conversation(
    system: System,
) -> None:
    """Its dialplan looks whether we are there when two begin to talk, and may act on that a moment later: we
    were slow, or have come back, and the capture is there already. Here it acts late on purpose."""
    a, _, call_id = await recorded(system, "101", "102")
    rows = json.loads(await system.lab.cli("show channels as json"))["rows"]
    for leg in [row["uuid"] for row in rows]:
        decide = "'execute_extension::tapeline-alone-decide XML default'"
        assert "+OK" in await system.lab.cli(f"uuid_broadcast {leg} {decide} aleg")
        await asyncio.sleep(0.6)
    await system.recording_up(call_id)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert len(recording["segments"]) == 1, recording["segments"]
    assert recording["recording"]["duration_ms"] > 1500


# ── codes ─────────────────────────────────────────────────────────────────────────────────────


async def test_codes_of_a_tenant_s_own_from_one_digit_to_six(system: System) -> None:
    codes = {"*1": "pause-recording", "#654321": "resume-recording", "*700": "stop-recording"}
    await system.put_tenant("acme.test", True, codes=codes)
    a, b, call_id = await recorded(system, "101", "102")
    await a.send_digits("*1")
    await system.recording_up(call_id, "paused")
    await b.send_digits("#654321")
    await system.recording_up(call_id)
    await a.send_digits("*48")  # means nothing here, and is the other party's to hear
    await asyncio.sleep(2.5)
    assert b.rtp.digits == "*48"
    assert a.rtp.digits == ""
    await a.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["asked_by"], pause["ended_by"]) == ("101@acme.test", "102@acme.test")


# ── answers ───────────────────────────────────────────────────────────────────────────────────


async def test_an_app_is_told_what_came_of_its_request_and_nobody_else_is(system: System) -> None:
    a, b, call_id = await recorded(system, "101", "102")

    async def ask(who: str, operation: str, session: str | None, **more: Any) -> None:
        body = json.dumps({"operation": operation, "session_id": session, **more})
        other = "102" if who == "101" else "101"
        await system.phone(who).message(other, body, JSON_CONTROL)

    async def answers(who: str, count: int) -> list[dict[str, Any]]:
        async def there() -> bool:
            return len(system.phone(who).messages) >= count

        await until(there, f"{who} has {count} answers")
        messages = system.phone(who).messages
        assert all(m.get("content-type") == JSON_CONTROL for m in messages)
        assert len(messages) == count
        return [json.loads(m.body) for m in messages]

    await ask("101", "pause-audio-recording", a.session_id, reply=True)
    [answer] = await answers("101", 1)
    assert answer == {
        "operation": "pause-audio-recording", "session_id": a.session_id, "result": "ok", "reason": "paused"
    }  # fmt: skip
    await ask("102", "resume-audio-recording", b.session_id)  # has not asked for an answer
    await system.recording_up(call_id)
    await ask("103", "pause-audio-recording", a.session_id, reply=True)
    [refused] = await answers("103", 1)
    assert refused["result"] == "refused"
    # Somebody else's name in From: the answer is for the one who asked, whatever they call themselves.
    body = json.dumps({"operation": "pause-audio-recording", "session_id": a.session_id, "reply": True})
    await system.phone("103").message("102", body, JSON_CONTROL, from_user="101")
    await asyncio.sleep(1.0)
    assert len(system.phone("101").messages) == 1
    assert system.phone("102").messages == system.phone("104").messages == []
    await a.bye()
    await system.recordings(call_id)


# ── sounds ────────────────────────────────────────────────────────────────────────────────────


async def test_the_tones_of_a_pause_are_heard_and_not_recorded(system: System) -> None:
    await system.put_tenant("acme.test", True, pause_tone=True)
    a, b, call_id = await recorded(system, "outside", "101")
    await b.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(1.0)
    await b.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(1.2)
    await a.bye()
    for dialog in (a, b):
        for hertz in TONE_HZ:
            assert 200 < heard(dialog, hertz) < 400, (dialog.phone.user, hertz, heard(dialog, hertz))
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, *TONE_HZ, TRUNK_A, TONES["101"])
    assert ms[TONE_HZ[0]] == ms[TONE_HZ[1]] == 0, "no tone of ours is in the file"
    assert min(ms[TRUNK_A], ms[TONES["101"]]) > 1200, ms


async def test_the_announcement_comes_first_and_is_not_in_the_file(system: System) -> None:
    sound = system.lab.announcement
    await system.put_tenant("acme.test", True, announcement=sound, announce_to="external")
    a, b = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await asyncio.sleep(0.6)
    states = {r["state"] for c in await system.live() for r in c["recordings"]}
    assert "recording" not in states, "recording waits for it"
    await system.recording_up(call_id)
    assert heard(a, ANNOUNCEMENT_HZ) > 800
    await asyncio.sleep(0.6)
    await b.transfer("103")
    c = await next_call(system, "103")
    await asyncio.sleep(0.8)
    await c.bye()
    assert heard(a, ANNOUNCEMENT_HZ) < 1100, "once for each party"
    assert heard(b, ANNOUNCEMENT_HZ) == heard(c, ANNOUNCEMENT_HZ) == 0, "in nobody else's ear"
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, ANNOUNCEMENT_HZ, TRUNK_A)
    assert ms[ANNOUNCEMENT_HZ] == 0
    assert ms[TRUNK_A] > 900, ms


async def test_an_announcement_that_is_not_there_costs_no_recording(system: System) -> None:
    await system.put_tenant("acme.test", True, announcement="no/such/sound", announce_to="everybody")
    a, _ = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    await a.bye()
    await system.recordings(call_id)


# ── two channels ──────────────────────────────────────────────────────────────────────────────


async def test_the_parties_stay_on_their_channels_through_hold_and_transfer(system: System) -> None:
    """Left is the outside caller, right whoever talks to them."""
    await system.put_tenant("acme.test", True, channels="stereo")
    a, b, call_id = await recorded(system, "outside", "101")
    await b.hold()
    await asyncio.sleep(0.8)
    await b.unhold()
    await asyncio.sleep(0.6)
    await b.transfer("103")
    c = await next_call(system, "103")
    await asyncio.sleep(1.0)
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    tones = (TRUNK_A, TONES["101"], TONES["103"])
    left = await ms_of(system, recording, *tones, channel=0)
    right = await ms_of(system, recording, *tones, channel=1)
    assert left[TRUNK_A] > 1500, (left, right)
    assert right[TONES["101"]] > 700, (left, right)
    assert right[TONES["103"]] > 600, (left, right)
    assert right[TRUNK_A] == left[TONES["101"]] == left[TONES["103"]] == 0, (left, right)


# ── the doctor ────────────────────────────────────────────────────────────────────────────────


async def test_the_doctor_finds_nothing_to_mend_and_knows_the_record_key(system: System) -> None:
    lab = system.lab
    config = FreeSwitchConfig(
        kind="freeswitch", name="fs", host=lab.control_host, port=lab.control_port, password=lab.password,
        spool=lab.spool,
    )  # fmt: skip
    checks = await examine(config, lambda: datetime.now(UTC))
    assert not [c for c in checks if not c.ok], checks
    found = {c.what: c.found for c in checks}
    assert found["profile internal: Record key"] == "told to the controller"
    # The lab's dialplan hands over *71 and *72 beside the delivered ones.
    wanted = {"*48": ["acme.test"], "*71": ["acme.test"], "#123": ["other.test"]}
    checks = await examine(config, lambda: datetime.now(UTC), wanted)
    assert [c.found.partition(": ")[2] for c in checks if not c.ok] == ["#123 (other.test)"]


# ── the dialplan's own requests ───────────────────────────────────────────────────────────────


async def test_a_channel_s_own_request_by_the_application_event(system: System) -> None:
    """As docs/reference/bus-events.md has it for a dialplan: no call is named, the event carries the channel
    that runs it. Either side's will do, the trunk's too: it is the operator's dialplan that asks."""
    a, _, call_id = await recorded(system, "outside", "101")
    [call] = [c for c in await system.live() if c["call_id"] == call_id]
    legs = [str(p["leg_id"]) for p in call["parties"]]
    assert len(legs) == 2
    for leg, operation, state in zip(legs, ("pause", "resume"), ("paused", "recording"), strict=True):
        event = f"Event-Name=CUSTOM,Event-Subclass=tapeline::request,Operation={operation}-audio-recording"
        assert "+OK" in await system.lab.cli(f"uuid_broadcast {leg} event::{event} aleg")
        await system.recording_up(call_id, state)
        await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("bus", "bus")
    assert len(find_masks(await system.audio(recording["recording"]["recording_id"]))) == 1
