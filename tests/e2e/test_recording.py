"""Whether and what is recorded: policy, both parties, hold, calls that nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from controller.demo.listen import presence
from controller.demo.phone import CallRefused, tone

from .parties import ms_of
from .system import TONES, TRUNK_A, System, until

#: Said while the call is paused, and never otherwise.
SECRET = 3500


async def test_both_parties_are_heard_in_the_recording_of_a_user_who_wants_it(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await asyncio.sleep(2.0)
    await a.bye()
    [recording] = await system.recordings(call_id)
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TONES["102"]])
    for hertz, spans in heard.items():
        assert sum(s.duration_ms for s in spans) > 1700, (hertz, spans)
    assert recording["recording"]["reason"] == (
        "recorded because user 101 has audio on; tenant acme.test has audio off; user 102 has audio off"
    )
    assert {(p["user"], p["tenant"]) for p in recording["recording"]["parties"]} == {
        ("101", "acme.test"),
        ("102", "acme.test"),
    }


async def test_a_recording_of_a_moment_holds_that_moment(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.3)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["recording"]["duration_ms"] >= 200, "FreeSWITCH by itself holds back half a second"


async def test_the_called_user_is_enough(system: System) -> None:
    a, _ = await system.call("103", "101")
    call_id = await system.call_id("101")
    await asyncio.sleep(0.6)
    await a.bye()
    await system.recordings(call_id)


async def test_nothing_is_recorded_when_nobody_wants_it_and_the_cdr_says_why(system: System) -> None:
    a, _ = await system.call("102", "103")
    call_id = await system.call_id("102")
    await asyncio.sleep(0.6)
    await a.bye()
    await system.recordings(call_id, 0)
    decisions = (await system.cdr(call_id))["decisions"]
    audio = [d for d in decisions if d["kind"] == "audio"]
    assert [d["verdict"] for d in audio] == ["leave"]
    assert "102" in audio[0]["reason"]
    assert "103" in audio[0]["reason"]


async def test_the_tenant_forces_its_users(system: System) -> None:
    await system.put_tenant("acme.test", True)
    a, _ = await system.call("102", "103")
    call_id = await system.call_id("102")
    await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["rule"] == "tenant.on"


async def test_a_policy_changed_in_the_middle_of_a_call_counts_at_once(system: System) -> None:
    a, _ = await system.call("102", "103")
    call_id = await system.call_id("102")
    await asyncio.sleep(0.3)
    await system.put_policy("acme.test", "103", True)
    await system.recording_up(call_id)
    await a.bye()
    await system.recordings(call_id)


async def test_calls_to_and_from_the_outside_are_recorded(system: System) -> None:
    a, _ = await system.call("101", "+15551234567", "outside")
    out_id = await system.call_id("101")
    await asyncio.sleep(1.0)
    await a.bye()
    [out] = await system.recordings(out_id)
    b, _ = await system.call("outside", "101")
    in_id = await system.call_id("101")
    await asyncio.sleep(1.0)
    await b.bye()
    [inbound] = await system.recordings(in_id)
    assert (out["recording"]["direction"], inbound["recording"]["direction"]) == ("outbound", "inbound")
    for recording in (out, inbound):
        heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TRUNK_A])
        assert all(sum(s.duration_ms for s in spans) > 600 for spans in heard.values()), heard


async def test_hold_does_not_shorten_the_recording(system: System) -> None:
    a, _b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.hold()
    await asyncio.sleep(1.5)
    await a.unhold()
    await asyncio.sleep(0.8)
    await a.bye()
    [recording] = await system.recordings(call_id)
    # The whole of 0.8 + 1.5 + 0.8 s but for the start of the capture.
    assert recording["recording"]["duration_ms"] > 2950, recording["recording"]
    cdr = await system.cdr(call_id)
    assert [j["what"] for j in cdr["journey"] if j["what"] in ("held", "unheld")] == ["held", "unheld"]


async def test_a_call_that_nobody_answers_has_a_cdr_and_no_recording(system: System) -> None:
    system.phone("102").auto_answer = False
    dialog = await system.phone("101").dial("102")
    await system.phone("102").next_call()
    call_id = await system.call_id("101")
    await dialog.cancel()
    cdr = await system.cdr(call_id)
    assert cdr["row"]["answered_at"] is None
    assert cdr["recordings"] == []


async def test_a_call_that_is_refused_has_no_recording(system: System) -> None:
    system.phone("102").refuse_with = (486, "Busy Here")
    with pytest.raises(CallRefused):
        await system.phone("101").call("102")

    async def gone() -> bool:
        return not await system.live(user="101")

    await until(gone, "the call is gone")


async def test_two_tenants_in_one_call_have_a_recording_each_and_one_pause(system: System) -> None:
    """The callee's tenant is another one: its user's pause reaches both, and both are silent."""
    await system.put_tenant("other.test", True)
    a, b = await system.call("101", "201")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await b.send_digits("*48")
    await system.recording_up(call_id, "paused")
    for dialog in (a, b):
        dialog.rtp.play(tone(SECRET))
    await asyncio.sleep(0.6)
    a.rtp.play(tone(TONES["101"]))
    b.rtp.play(tone(TONES["201"]))
    await asyncio.sleep(0.1)
    await a.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    assert (a.rtp.digits, b.rtp.digits) == ("", "")
    await a.bye()
    recordings = await system.recordings(call_id, 2)
    assert {r["recording"]["tenant"] for r in recordings} == {"acme.test", "other.test"}
    for recording in recordings:
        [pause] = recording["pauses"]
        assert (pause["asked_by"], pause["ended_by"]) == ("201@other.test", "101@acme.test")
        ms = await ms_of(system, recording, TONES["101"], TONES["201"], SECRET)
        assert ms[SECRET] == 0, ms
        assert min(ms[TONES["101"]], ms[TONES["201"]]) > 700, ms
