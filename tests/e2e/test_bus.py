"""The switch's own bus: another listener hears what becomes of a recording, and a request is answered."""

from __future__ import annotations

import asyncio

from .asking import bus_request
from .bus import listener
from .system import System, until


async def test_every_change_of_a_recording_is_told(system: System) -> None:
    async with listener(system) as told:
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        await system.control(call_id, "pause-audio-recording")
        await system.control(call_id, "resume-audio-recording")
        await asyncio.sleep(0.3)
        await a.bye()

        def actions() -> list[str]:
            return [t["Action"] for t in told if t.get("Call-ID") == call_id]

        async def complete() -> bool:
            return len(actions()) >= 4

        await until(complete, "four announcements")
        assert actions() == ["started", "paused", "resumed", "ended"]
    [recording] = await system.recordings(call_id)
    ours = [t for t in told if t.get("Call-ID") == call_id]
    assert {t["Recording-ID"] for t in ours} == {recording["recording"]["recording_id"]}
    assert {t["Kind"] for t in ours} == {"audio"}


async def test_a_request_on_the_bus_is_answered_there(system: System) -> None:
    async with listener(system) as told:
        await bus_request(system, "pause-recording", "no-such-session")

        async def answered() -> bool:
            return any(t["Action"] == "answer" for t in told)

        await until(answered, "an answer")
        [answer] = [t for t in told if t["Action"] == "answer"]
        assert (answer["Accepted"], answer["Reason"]) == ("false", "no such call")
