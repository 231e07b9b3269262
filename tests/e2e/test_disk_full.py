"""The disk of the switch's spool is full in the midst of calls, really, and has room again."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

from controller.demo.listen import presence, read_wav
from controller.demo.running import items

from ..disks import fill, small_disk
from .system import TONES, System, until

#: What Asterisk gathers before it writes (2.05 s), and what the two clocks are apart.
GATHERED_S, CLOCKS_S = 2.05, 0.4


async def alarms(system: System) -> set[str]:
    return {a["code"] for a in items((await system.controller.api("GET", "/alarms")).body)}


def opened(segment: dict[str, Any]) -> float:
    return datetime.fromisoformat(segment["opened_at"]).timestamp()


async def test_what_was_written_is_kept_and_recording_goes_on_where_it_belongs(system: System) -> None:
    with small_disk(system.lab.spool, 4) as disk:
        disk.chmod(0o777)  # whoever the switch runs as
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        await asyncio.sleep(2.5)
        ballast, full = fill(disk), time.time()

        async def told() -> bool:
            return "spool.full" in await alarms(system)

        await until(told, "the alarm is raised")
        print(f"\n{system.kind}: told after {time.time() - full:.1f} s")
        assert (await system.controller.api("GET", "/readyz")).status == 503
        # Another one begins, and its pause counts although nothing is being written.
        begun, _ = await system.call("201", "202")
        other_id = await system.call_id("201")
        assert (await system.control(begun.call_id, "pause-audio-recording")).status == 200
        late, _ = await system.call("103", "104")  # nobody's to record
        await late.bye()
        ballast.unlink()
        room = time.time()
        await system.recording_up(call_id)
        print(f"{system.kind}: recorded again {time.time() - room:.1f} s after there was room")
        assert not {"spool.full", "disk.full"} & await alarms(system)
        await asyncio.sleep(1.0)
        assert [r["state"] for c in await system.live(user="201") for r in c["recordings"]] != ["recording"]
        resumed = time.time()
        assert (await system.control(begun.call_id, "resume-audio-recording")).status == 200
        await asyncio.sleep(1.0)
        await a.bye()
        await begun.bye()
        [first] = await system.recordings(call_id)
        [second] = await system.recordings(other_id)

    # The one that ran: both pieces, each at its time, marked.
    row, segments = first["recording"], first["segments"]
    assert segments[0]["cause"] == "the switch's disk was full", segments
    assert row["error"].startswith("interrupted: "), row
    assert len(segments) == 2
    path = await system.audio(row["recording_id"])
    heard = presence(path, [TONES["101"], TONES["102"]])
    for tone in heard.values():
        before = [s for s in tone if s.start / s.rate < full - opened(segments[0])]
        after = [s for s in tone if s not in before]
        lost = (full - opened(segments[0])) - sum(s.duration_ms for s in before) / 1000
        assert lost < GATHERED_S + CLOCKS_S, (lost, heard)
        shown = after[0].start / after[0].rate
        assert abs(shown - (opened(segments[1]) - opened(segments[0]))) < CLOCKS_S, (shown, heard, segments)
        assert sum(s.duration_ms for s in after) > 1500, heard
    # The one that began meanwhile: nothing of what was paused, and what followed.
    row, segments = second["recording"], second["segments"]
    running = [s for s in segments if s["state"] != "failed" and opened(s) > room]
    assert len(running) == 1
    assert opened(running[0]) >= resumed - 0.05, "a pause is not forgotten"
    [pause] = second["pauses"]
    assert pause["ended_means"] == "api"
    wav = read_wav(await system.audio(row["recording_id"]))
    assert 700 < wav.duration_ms < 8000, segments
    sounding = presence(await system.audio(row["recording_id"]), [TONES["201"]])[TONES["201"]]
    assert sum(s.duration_ms for s in sounding) > 700, sounding
