"""What the parties hear of being recorded, in whose ear, and that none of it is in the file; what an
app and a desk phone's Record key are answered; who is on which channel of a stereo recording."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest

from controller.demo.lab import ANNOUNCEMENT_HZ
from controller.demo.listen import read_wav, spans
from controller.demo.phone import Dialog, tone

from .parties import ms_of, needs, next_call, outside
from .system import JSON_CONTROL, TEXT_CONTROL, TONES, TRUNK_A, TRUNK_B, System, until

BEEP, HIGH = 1400, 1000
#: The shortest that may be set; and what a busy machine and lost packets may shift a beep by.
BEEP_EVERY_S, BEEP_EDGE_MS = 5, 400
OUTSIDE_B, CALLER = "+15557654321", "+15550009999"


def heard(dialog: Dialog, hertz: int, since: float = 0.0) -> int:
    """For how many ms this party has heard a tone."""
    return sum(s.duration_ms for s in spans(dialog.rtp.samples(since), 8000, hertz))


async def hears(dialog: Dialog, hertz: int, ms: int, what: str) -> None:
    async def enough() -> bool:
        return heard(dialog, hertz) >= ms

    await until(enough, what)


async def announced(system: System, to: str, **more: Any) -> None:
    needs(system, "announcement")
    await system.put_tenant("acme.test", True, announcement=system.lab.announcement, announce_to=to, **more)


async def test_the_outside_party_hears_the_announcement_before_it_is_recorded(system: System) -> None:
    await announced(system, "external")
    a, b = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await hears(a, ANNOUNCEMENT_HZ, 800, "the announcement")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    assert heard(b, ANNOUNCEMENT_HZ) == 0, "the user knows it"
    await a.bye()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], ANNOUNCEMENT_HZ)
    assert ms[ANNOUNCEMENT_HZ] == 0
    assert min(ms[TRUNK_A], ms[TONES["101"]]) > 400, ms
    cdr = await system.cdr(call_id)
    assert [e["what"] for e in cdr["journey"] if "announcement" in e["what"]] == ["announcement played"]
    assert len(cdr["legs"]) == 2, "what plays it is nobody's leg"


async def test_whoever_joins_by_a_transfer_hears_it_too(system: System) -> None:
    await announced(system, "everybody")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    for party in (a, b):  # it has been played; of a busy phone some packets may not be read yet
        await hears(party, ANNOUNCEMENT_HZ, 800, "the announcement for both")
    before = time.time()
    await a.transfer("103")
    c = await next_call(system, "103")
    await hears(c, ANNOUNCEMENT_HZ, 800, "the announcement for the newcomer")
    await system.recording_up(call_id)
    assert heard(b, ANNOUNCEMENT_HZ, before) == 0, "once is enough"
    await asyncio.sleep(0.4)
    await c.bye()
    [recording] = await system.recordings(call_id)
    assert (await ms_of(system, recording, ANNOUNCEMENT_HZ))[ANNOUNCEMENT_HZ] == 0


@pytest.mark.parametrize("first", ["101", "103"])
async def test_nothing_of_who_joins_is_recorded_before_the_end_of_the_announcement(
    system: System, first: str
) -> None:
    """102, whose calls are not recorded, brings 101, whose are, and 103 together: either of them may come
    into the other's conversation, as the switch likes it."""
    needs(system, "announcement")
    await system.put_tenant("acme.test", False, announcement=system.lab.announcement, announce_to="everybody")
    b, one = await system.call("102", first)
    if first == "101":
        await system.recording_up(await system.call_id("101"))
    await asyncio.sleep(0.3)
    await b.hold()
    second = "103" if first == "101" else "101"
    consultation = await system.phone("102").call(second)
    other = await next_call(system, second)
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    a, c = (one, other) if first == "101" else (other, one)
    assert heard(c, ANNOUNCEMENT_HZ) == 0, "the conversation with 102 is not recorded"
    await b.transfer(consultation)
    await hears(c, ANNOUNCEMENT_HZ, 800, "the announcement for the newcomer")
    told = time.time()
    call_id = await system.call_id("101")  # the elder call's, which took the other one over
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    talked = (time.time() - told) * 1000
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TONES["101"], TONES["103"])
    assert 400 < ms[TONES["103"]] < talked + 300, (ms, talked)
    assert ms[TONES["101"]] > 1200, ms
    assert recording["pauses"] == [], "nobody has asked for a pause"


async def test_who_comes_third_into_a_conference_is_told_before_anything_of_them_is_recorded(
    system: System,
) -> None:
    """And the others talk on meanwhile; of that nothing is kept, since the newcomer could be heard in it."""
    needs(system, "announcement", "conference")
    await announced(system, "everybody")
    a = await system.phone("101").call("7040")
    b = await system.phone("outside").call("7040")
    for party in (a, b):
        await hears(party, ANNOUNCEMENT_HZ, 800, "the announcement")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    joined = time.time()
    c = await system.phone("102").call("7040", source=tone(TONES["104"]))  # 102's own is in the tones
    await hears(c, ANNOUNCEMENT_HZ, 800, "the announcement for the newcomer")
    told = time.time()
    await system.recording_up(call_id)
    assert heard(a, ANNOUNCEMENT_HZ, joined) + heard(b, ANNOUNCEMENT_HZ, joined) == 0, "once is enough"
    assert heard(b, TONES["101"], joined) > 600, "they talk on"
    await asyncio.sleep(1.0)
    talked = (time.time() - told) * 1000
    for dialog in (c, b, a):
        await dialog.bye()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TONES["104"], TONES["101"], ANNOUNCEMENT_HZ)
    assert 400 < ms[TONES["104"]] < talked + 300, (ms, talked)
    assert ms[ANNOUNCEMENT_HZ] == 0, ms
    assert 1200 < ms[TONES["101"]] < recording["recording"]["duration_ms"] - 600, (ms, "silent meanwhile")
    assert recording["pauses"] == [], "nobody has asked for a pause"
    journey = [e["what"] for e in (await system.cdr(call_id))["journey"]]
    assert "silent for the announcement" in journey


async def test_an_announcement_that_is_missing_costs_no_recording(system: System) -> None:
    needs(system, "announcement")
    await system.put_tenant("acme.test", True, announcement="no/such/sound", announce_to="everybody")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.4)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert (await ms_of(system, recording, TONES["101"]))[TONES["101"]] > 200
    cdr = await system.cdr(call_id)
    failed = [e for e in cdr["journey"] if e["what"] == "announcement failed"]
    assert len(failed) == 2
    assert all(e["detail"] for e in failed)


async def test_tones_at_pause_and_resume(system: System) -> None:
    needs(system, "announcement")
    await system.put_tenant("acme.test", True, pause_tone=True)
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.4)
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    for party in (a, b):
        await hears(party, HIGH, 80, "the tones of the pause")
    await asyncio.sleep(0.5)
    await a.send_digits("*49")
    await system.recording_up(call_id)
    for party in (a, b):
        await hears(party, HIGH, 160, "the tones of the resume")
    await asyncio.sleep(0.5)
    await a.bye()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TONES["101"], HIGH)
    assert ms[HIGH] == 0, "no tone of ours is in the file"
    assert ms[TONES["101"]] > 700, ms


async def test_the_periodic_beep(system: System) -> None:
    needs(system, "announcement")
    await system.put_tenant("acme.test", True, beep_every_s=BEEP_EVERY_S)
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    for party in (a, b):
        await hears(party, BEEP, 300, "the beep, twice")
        # The second party is looked at later, and may have heard one more.
        heard = [s for s in spans(party.rtp.samples(), 8000, BEEP) if s.duration_ms > 50]
        # A packet that was lost within one makes no second one.
        beeps = [s.start / 8 for n, s in enumerate(heard) if not n or s.start - heard[n - 1].stop > 8000]
        first, second = beeps[:2]
        # The desk looks once a second whether a beep is due.
        assert -BEEP_EDGE_MS < second - first - BEEP_EVERY_S * 1000 < 1000 + BEEP_EDGE_MS, (first, second)
    await asyncio.sleep(0.3)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert (await ms_of(system, recording, BEEP))[BEEP] == 0


# ── the same in the file, where a tenant wants it ─────────────────────────────────────────────


async def test_our_own_sounds_are_in_the_file_where_they_were_heard(system: System) -> None:
    """Before the recording, over the talk, in a pause, to who joins: below an announcement nobody's voice."""
    wants = {"sounds_in_recording": True, "pause_tone": True, "beep_every_s": BEEP_EVERY_S}
    await announced(system, "everybody", **wants)
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await hears(a, BEEP, 100, "a beep")
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(1.0)
    await a.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.transfer("103")
    c = await next_call(system, "103")
    await hears(c, ANNOUNCEMENT_HZ, 800, "the announcement for the newcomer")
    await system.recording_up(call_id)
    c.rtp.play(tone(TONES["104"]))  # 103's own is one of the tones of a pause
    await asyncio.sleep(1.0)
    await c.bye()
    await b.wait_ended()
    [recording] = await system.recordings(call_id)
    path = await system.audio(recording["recording"]["recording_id"])
    wav = read_wav(path)
    found = {
        hertz: [(s.start / wav.rate * 1000, s.duration_ms) for s in spans(wav.mono(), wav.rate, hertz)]
        for hertz in (ANNOUNCEMENT_HZ, BEEP, HIGH, TONES["101"], TONES["102"])
    }
    segments = recording["segments"]
    first, second = [(at, ms) for at, ms in found[ANNOUNCEMENT_HZ] if ms > 500]
    assert first[0] < 1000, found
    assert first[0] + first[1] <= segments[0]["from_ms"] + 20, (first, segments)
    assert min(first[1], second[1]) > 900, "each whole"
    assert max(first[1], second[1]) < 1100, "and once, however many were told"
    voices = [s for user in ("101", "102") for s in found[TONES[user]] if s[1] > 60]
    assert min(at for at, _ in voices) >= segments[0]["from_ms"] - 20, "nobody before they were told"
    for at, ms in voices:
        assert at + ms <= second[0] + 150 or at >= second[0] + second[1] - 150, (at, ms, second)
    [pause] = recording["pauses"]
    assert any(abs(at - pause["from_ms"]) < 400 for at, ms in found[HIGH] if ms > 80), (found[HIGH], pause)
    assert any(at > pause["to_ms"] - 20 for at, ms in found[HIGH] if ms > 80), (found[HIGH], pause)
    assert any(150 < ms < 250 for _, ms in found[BEEP]), found[BEEP]
    assert recording["recording"]["duration_ms"] == len(wav.mono()) * 1000 // wav.rate


async def test_in_stereo_they_are_on_the_side_of_who_heard_them(system: System) -> None:
    await announced(system, "external", channels="stereo", sounds_in_recording=True)
    a, _ = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await hears(a, ANNOUNCEMENT_HZ, 800, "the announcement")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    sides = [await ms_of(system, recording, ANNOUNCEMENT_HZ, channel=n) for n in (0, 1)]
    assert 900 < sides[0][ANNOUNCEMENT_HZ] < 1100, sides
    assert sides[1][ANNOUNCEMENT_HZ] == 0, "101 was not told"


# ── answers ───────────────────────────────────────────────────────────────────────────────────


async def test_the_result_comes_back_to_the_app_that_wants_it_and_as_its_tenant_says(system: System) -> None:
    """Out of the dialog and in it, for those who ask; then for everybody; then for nobody."""
    needs(system, "result")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    phone, answered = system.phone("101"), 0

    async def ask(verb: str, in_dialog: bool, *, wanted: bool, answer: bool) -> None:
        nonlocal answered
        operation = f"{verb}-audio-recording"
        body = json.dumps({"operation": operation, "session_id": a.session_id, "reply": wanted})
        await (a.message(body, JSON_CONTROL) if in_dialog else phone.message("102", body, JSON_CONTROL))
        await system.recording_up(call_id, {"pause": "paused", "resume": "recording"}[verb])
        if not answer:
            return  # one that came all the same is one too many for the next who gets one, and for the end
        answered += 1

        async def there() -> bool:
            return len(phone.messages) >= answered

        await until(there, f"answer {answered}")
        assert len(phone.messages) == answered
        said = phone.messages[-1]
        assert said.get("content-type").partition(";")[0] == JSON_CONTROL
        assert said.get("call-id") not in (a.call_id, b.call_id), "out of any dialog"
        assert json.loads(said.body) == {
            "operation": operation, "session_id": a.session_id, "result": "ok", "reason": f"{verb}d",
        }  # fmt: skip

    await ask("pause", False, wanted=True, answer=True)
    await ask("resume", True, wanted=True, answer=True)
    await ask("pause", False, wanted=False, answer=False)
    await system.put_tenant("acme.test", False, message_answers="always")
    await ask("resume", False, wanted=False, answer=True)
    await system.put_tenant("acme.test", False, message_answers="never")
    await ask("pause", False, wanted=True, answer=False)
    await a.message("resume-audio-recording", TEXT_CONTROL)
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    assert len(phone.messages) == answered
    assert system.phone("102").messages == []
    await a.bye()


# ── the Record key ────────────────────────────────────────────────────────────────────────────


async def test_the_record_key(system: System) -> None:
    needs(system, "record key")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.request("INFO", headers=["Record: off"])
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.6)
    await a.request("INFO", headers=["Record: on"])
    await system.recording_up(call_id)
    await asyncio.sleep(0.4)
    assert b.rtp.digits == ""
    await a.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("record_key", "record_key")
    assert pause["asked_by"] == "101@acme.test"


# ── stereo ────────────────────────────────────────────────────────────────────────────────────


async def test_who_is_on_which_channel_is_named_and_heard_through_two_transfers(system: System) -> None:
    """Left is who called; right are 101, then 103 after a blind transfer, then somebody outside after an
    attended one. The catalog names just those who are heard there, and nobody by another's name."""
    await system.put_tenant("acme.test", True, channels="stereo")
    await system.put_external(True)
    a = await system.phone("outside").dial("101", from_user=CALLER, display_name="Otto Outside")
    b = await next_call(system, "101")
    await a.answered()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await b.transfer("103")
    c = await next_call(system, "103")
    await asyncio.sleep(0.8)
    await c.hold()
    second = asyncio.create_task(system.phone("103").call(OUTSIDE_B))
    d = await outside(system, OUTSIDE_B, TRUNK_B)
    consultation = await second
    await asyncio.sleep(0.5)
    await c.transfer(consultation)
    await asyncio.sleep(0.8)
    await d.bye()
    if not a.ended.is_set():
        await a.hangup()
    recordings = await system.recordings(call_id, 2)
    everybody = {"Otto Outside": TRUNK_A, "101": TONES["101"], "103": TONES["103"], OUTSIDE_B: TRUNK_B}
    for recording in recordings:
        names = recording["channels"]
        for channel in (0, 1):
            ms = await ms_of(system, recording, *everybody.values(), channel=channel)
            heard_there = {who for who, hertz in everybody.items() if ms[hertz] > 300}
            named = {who for who in everybody if who in names[channel]}
            assert named == heard_there, (channel, names, ms)
            assert sum(ms[hertz] for who, hertz in everybody.items() if who not in named) == 0, (names, ms)
    main = next(r for r in recordings if "Otto Outside" in r["channels"][0])
    right = main["channels"][1].split(", ")
    assert [who.split(" ")[0] for who in right][:2] == ["101", "103"], main["channels"]
    parties = (await system.cdr(call_id))["row"]["parties"]
    outsiders = [(p["number"], p["name"]) for p in parties if p["side"] == "external"]
    assert outsiders == [(CALLER, "Otto Outside"), (OUTSIDE_B, "")], outsiders


async def test_a_mask_silences_both_channels(system: System) -> None:
    await system.put_tenant("acme.test", True, channels="stereo")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    await system.control(call_id, "pause-audio-recording")
    await asyncio.sleep(0.8)
    await system.control(call_id, "resume-audio-recording")
    await asyncio.sleep(0.5)
    await a.bye()
    [recording] = await system.recordings(call_id)
    from_ms, to_ms = recording["pauses"][0]["from_ms"], recording["pauses"][0]["to_ms"]
    for channel in (0, 1):
        ms = await ms_of(system, recording, TONES["101"], TONES["102"], channel=channel)
        loudest = max(ms.values())
        silent = recording["recording"]["duration_ms"] - loudest
        assert abs(silent - (to_ms - from_ms)) < 250, (channel, ms, recording["pauses"])


async def test_the_one_who_is_called_outside_is_right(system: System) -> None:
    await system.put_tenant("acme.test", True, channels="stereo")
    a = await system.phone("101").dial(OUTSIDE_B)
    await outside(system, OUTSIDE_B, TRUNK_B)
    await a.answered()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    left = await ms_of(system, recording, TONES["101"], TRUNK_B, channel=0)
    right = await ms_of(system, recording, TONES["101"], TRUNK_B, channel=1)
    assert left[TONES["101"]] > 400, (left, right)
    assert right[TRUNK_B] > 400, (left, right)
    assert left[TRUNK_B] == right[TONES["101"]] == 0, (left, right)
