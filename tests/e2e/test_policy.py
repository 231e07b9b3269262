"""Modes, options and limits on real calls: what is kept, destroyed, silent, cut or refused."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from controller.demo.listen import presence

from .bus import listener
from .parties import ms_of
from .system import TONES, System, until


async def test_on_demand_without_a_start_is_destroyed_and_leaves_a_trace(system: System) -> None:
    await system.put_policy("acme.test", "101", True, mode="on_demand")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.bye()
    detail = await final_recording(system, call_id)
    recording = detail["recording"]
    assert (recording["media_state"], detail["rule"]) == ("discarded", "user.on_demand")
    answer = await system.controller.api("GET", f"/recordings/{recording['recording_id']}/audio")
    assert answer.status in (404, 409, 410), answer
    assert not list(system.lab.spool.rglob(f"{recording['recording_id']}*")), (
        "the sound is still in the spool"
    )


async def test_on_demand_started_before_the_end_is_kept_from_its_beginning(system: System) -> None:
    await system.put_policy("acme.test", "101", True, mode="on_demand")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.5)
    await a.send_digits("*44")
    await until(lambda: kept(system, call_id), "kept")
    await a.bye()
    [detail] = await system.recordings(call_id)
    audio = await system.audio(detail["recording"]["recording_id"])
    heard = presence(audio, [TONES["101"], TONES["102"]])
    assert all(sum(s.duration_ms for s in spans) > 1200 for spans in heard.values()), heard


async def test_a_start_by_the_user_begins_there_and_the_stop_ends_it(system: System) -> None:
    await system.put_policy("acme.test", "101", True, mode="on_demand_start")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await asyncio.sleep(1.0)
    await a.send_digits("*44")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.send_digits("*45")
    await system.recording_up(call_id, "ended")
    await asyncio.sleep(0.5)
    await a.bye()
    [detail] = await system.recordings(call_id)
    assert 800 < detail["recording"]["duration_ms"] < 2600, detail["recording"]


async def test_in_the_mode_always_the_user_does_not_pause(system: System) -> None:
    await system.put_policy("acme.test", "101", True, mode="always")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    refused = await system.refusals("mode does not allow")
    await a.send_digits("*48")

    async def said_no() -> bool:
        return await system.refusals("mode does not allow") > refused

    await until(said_no, "the pause is refused")
    await a.bye()
    [detail] = await system.recordings(call_id)
    assert not detail["pauses"]


async def test_a_forgotten_pause_ends_by_itself(system: System) -> None:
    await system.put_tenant("acme.test", True, longest_pause_s=2)
    async with listener(system) as told:
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        await a.send_digits("*48")
        await system.recording_up(call_id, "paused")
        await system.recording_up(call_id)
        await asyncio.sleep(1.0)
        await a.bye()
        ours = [t for t in told if t.get("Call-ID") == call_id]
    [warning] = [t for t in ours if t["Action"] == "warning"]
    assert warning["Reason"] == "the longest pause was over and the recording was resumed"
    actions = [t["Action"] for t in ours]
    assert actions.index("paused") < actions.index("warning") < actions.index("resumed"), actions
    [detail] = await system.recordings(call_id)
    [pause] = detail["pauses"]
    assert pause["ended_means"] == "limit"
    assert warning["Recording-ID"] == detail["recording"]["recording_id"]
    audio = await system.audio(detail["recording"]["recording_id"])
    spans = presence(audio, [TONES["102"]])[TONES["102"]]
    after = sum(s.duration_ms for s in spans if s.from_ms > 1500)
    assert after > 700, ("heard again after the limit", spans)


async def test_a_pause_that_is_cut_is_not_in_the_recording(system: System) -> None:
    await system.put_tenant("acme.test", True, pause_style="cut")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.send_digits("*48")
    await system.recording_up(call_id, "waiting")
    await asyncio.sleep(3.0)
    await a.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.bye()
    [detail] = await system.recordings(call_id)
    assert 1800 < detail["recording"]["duration_ms"] < 4200, detail["recording"]
    audio = await system.audio(detail["recording"]["recording_id"])
    spans = presence(audio, [TONES["102"]])[TONES["102"]]
    gaps = [after.from_ms - before.to_ms for before, after in itertools.pairwise(spans)]
    assert all(gap < 300 for gap in gaps), spans


async def test_a_forbidding_tenant_is_not_recorded_whatever_the_user_says(system: System) -> None:
    await system.put_tenant("acme.test", "forbid")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    refused = await system.control(call_id, "start-recording")
    assert refused.status in (403, 409), refused
    await asyncio.sleep(0.5)
    await a.bye()
    cdr = await system.cdr(call_id)
    assert not cdr["recordings"]
    [decision] = [d for d in cdr["decisions"] if d["kind"] == "audio"]
    assert decision["rule"] == "tenant.forbid"
    assert decision["reason"].startswith("not recorded because tenant acme.test forbids audio")


async def test_stereo_keeps_the_parties_apart(system: System) -> None:
    await system.put_tenant("acme.test", True, channels="stereo")
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await asyncio.sleep(2.0)
    await a.bye()
    [detail] = await system.recordings(call_id)
    left = await ms_of(system, detail, TONES["101"], TONES["102"], channel=0)
    right = await ms_of(system, detail, TONES["101"], TONES["102"], channel=1)
    assert left[TONES["101"]] > 1700, "left is who called"
    assert right[TONES["102"]] > 1700
    assert (left[TONES["102"]], right[TONES["101"]]) == (0, 0)


# ── what is asked of the catalog ──────────────────────────────────────────────────────────────


async def kept(system: System, call_id: str) -> bool:
    calls = [c for c in await system.live() if c["call_id"] == call_id]
    return any(not r["provisional"] for c in calls for r in c["recordings"])


async def final_recording(system: System, call_id: str) -> dict[str, Any]:
    """The call's only recording in detail, once nothing will become of it any more."""
    cdr = await system.cdr(call_id)
    [row] = cdr["recordings"]
    found: dict[str, Any] = {}

    async def final() -> bool:
        found.update((await system.controller.api("GET", f"/recordings/{row['recording_id']}")).body)
        return found["recording"]["media_state"] in ("available", "empty", "discarded")

    await until(final, "final", 30)
    return found
