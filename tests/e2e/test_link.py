"""The link to a switch under stress, with a call up: ten times the events, and a switch that stands still."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator

from controller.demo.listen import find_masks, presence

from .system import TONES, System, until

#: What ten times 500 calls of a minute each cause: eight begin and end every second, with a dozen events.
EVENTS_A_SECOND = {"asterisk": 1000, "freeswitch": 5000}
#: From the request to the switch's confirmation. Without a flood it is 20 to 60 ms here.
BOUND_S = 1.0


class Flood:
    """Events on the switch's own bus by another client of its control port, of names that the controller has
    subscribed to and about channels that there are not."""

    def __init__(self, system: System) -> None:
        self._system, self.sent = system, 0
        self.rate = EVENTS_A_SECOND[system.kind]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        lab = self._system.lab
        reader, writer = await asyncio.open_connection(lab.control_host, lab.control_port)
        if self._system.kind == "freeswitch":
            writer.write(f"auth {lab.password}\n\n".encode())
        else:
            user = f"Username: {lab.username}\r\nSecret: {lab.password}\r\nEvents: off\r\n\r\n"
            writer.write(f"Action: Login\r\n{user}".encode())
        answers = asyncio.create_task(self._read(reader))
        sending = asyncio.create_task(self._send(writer))
        try:
            yield
        finally:
            for task in (sending, answers):
                task.cancel()
            await asyncio.gather(sending, answers, return_exceptions=True)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(1 << 16):
            pass

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        began = time.monotonic()
        while True:
            due = int((time.monotonic() - began) * self.rate) - self.sent
            writer.write(b"".join(self._event(self.sent + n) for n in range(due)))
            self.sent += due
            await writer.drain()
            await asyncio.sleep(0.01)

    def _event(self, number: int) -> bytes:
        if self._system.kind == "asterisk":
            return f"Action: UserEvent\r\nUserEvent: Noise\r\nNumber: {number}\r\n\r\n".encode()
        name = ("CHANNEL_ANSWER", "CHANNEL_BRIDGE", "CHANNEL_HOLD", "CHANNEL_HANGUP_COMPLETE")[number % 4]
        return f"sendevent {name}\nUnique-ID: flood-{number}\nCaller-Caller-ID-Name: nobody\n\n".encode()


async def test_ten_times_the_events_delay_no_pause_and_lose_nothing(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    flood, took = Flood(system), list[float]()
    async with flood.running():
        await asyncio.sleep(1.0)
        for _ in range(4):
            for operation in ("pause-audio-recording", "resume-audio-recording"):
                began = time.monotonic()
                answer = await system.control(call_id, operation)
                took.append(time.monotonic() - began)
                assert (answer.status, answer.body["confirmed"]) == (200, True), answer
                await asyncio.sleep(0.4)
        # And a call that comes and goes in the midst of it.
        b, _ = await system.call("201", "202")
        other = await system.call_id("201")
        await system.recording_up(other)
        await asyncio.sleep(1.0)
        await b.bye()
    print(f"\n{system.kind}: {flood.sent} events, control took {max(took) * 1000:.0f} ms at most")
    assert flood.sent > flood.rate * 4
    assert max(took) < BOUND_S, took
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert [len(recording["segments"]), len(recording["pauses"])] == [1, 4]
    masks = find_masks(await system.audio(recording["recording"]["recording_id"]))
    assert len([m for m in masks if m[1] - m[0] > 250]) == 4, masks
    [short] = await system.recordings(other)
    heard = presence(await system.audio(short["recording"]["recording_id"]), [TONES["201"], TONES["202"]])
    assert all(sum(s.duration_ms for s in spans) > 700 for spans in heard.values()), heard


async def test_a_switch_that_stands_still_is_told_and_its_pause_holds(system: System) -> None:
    """Stopped, as by a hypervisor: the connection stays open, and nothing comes."""
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    assert (await system.control(call_id, "pause-audio-recording")).status == 200

    async def state(status: int) -> bool:
        return (await system.controller.api("GET", "/readyz")).status == status

    os.kill(system.lab.pid, signal.SIGSTOP)
    try:
        await until(lambda: state(503), "the alarm", 15)
    finally:
        os.kill(system.lab.pid, signal.SIGCONT)
    await until(lambda: state(200), "it is there again", 15)
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.5)
    assert (await system.control(call_id, "resume-audio-recording")).status == 200
    await asyncio.sleep(0.8)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert [len(recording["segments"]), len(recording["pauses"])] == [1, 1]
    assert "interrupted" not in recording["recording"]["error"], "it was the same process all the time"
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"]])
    assert 800 < sum(s.duration_ms for s in heard[TONES["101"]]) < 2600, "before and after the pause"
