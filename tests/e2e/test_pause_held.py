"""A pause holds, whatever becomes of the call: in every file of it nothing is heard until the resume.

While it is paused everybody speaks with a tone of their own that they never have otherwise. So what must
not be kept is told from what may be, wherever in the file it is.
"""

from __future__ import annotations

import asyncio
from typing import Any

from controller.demo.phone import Dialog, tone

from .asking import by_code
from .parties import ms_of, needs, next_call, park
from .system import TONES, TRUNK_A, System, until

#: What is said while paused: by the one outside, by users.
SECRET_OUTSIDE, SECRET_INSIDE = 3200, 3500
SECRET = (SECRET_OUTSIDE, SECRET_INSIDE)


def said(dialog: Dialog) -> int:
    """What a party says when nothing is secret."""
    return TONES.get(dialog.phone.user, TRUNK_A)


def whisper(*dialogs: Dialog) -> None:
    for dialog in dialogs:
        dialog.rtp.play(tone(SECRET_INSIDE if dialog.phone.user in TONES else SECRET_OUTSIDE))


async def speak_up(*dialogs: Dialog) -> None:
    for dialog in dialogs:
        dialog.rtp.play(tone(said(dialog)))
    await asyncio.sleep(0.2)  # what is on its way in the switch


async def paused(system: System, call_id: str) -> None:
    """Every recording of the call is paused, and nothing records."""
    [call] = [c for c in await system.live() if c["call_id"] == call_id]
    going = [r for r in call["recordings"] if r["state"] != "ended"]
    assert going, call
    assert all(r["paused"] and r["state"] != "recording" for r in going), going


async def recording(system: System, call_id: str, count: int) -> None:
    """So many of the call's recordings are running."""

    async def there() -> bool:
        return count == sum(
            r["state"] == "recording"
            for c in await system.live()
            if c["call_id"] == call_id
            for r in c["recordings"]
        )

    await until(there, f"{count} recordings of {call_id}")


async def files(system: System, call_id: str, tones: tuple[int, ...], count: int = 1) -> list[dict[str, Any]]:
    """The call's recordings. In each of them everybody is heard, and nobody's secret."""
    recordings = await system.recordings(call_id, count)
    for recording in recordings:
        ms = await ms_of(system, recording, *tones, *SECRET)
        assert [ms[t] for t in SECRET] == [0, 0], ("what was said while paused is in the file", ms)
        assert min(ms[t] for t in tones) > 350, ms
    return recordings


async def test_through_a_blind_transfer_a_parking_place_and_a_retrieval(system: System) -> None:
    needs(system, "parking")
    await system.put_tenant("acme.test", True)
    a, b = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await b.send_digits("*48")
    await system.recording_up(call_id, "paused")
    whisper(a, b)
    await asyncio.sleep(0.3)
    system.phone("103").source = tone(SECRET_INSIDE)
    await b.transfer("103")
    c = await next_call(system, "103")
    await asyncio.sleep(0.8)
    await paused(system, call_id)
    slot = await park(system, c)
    await asyncio.sleep(0.4)
    await paused(system, call_id)
    d = await system.phone("102").call(slot, source=tone(SECRET_INSIDE))
    await asyncio.sleep(0.8)
    await paused(system, call_id)
    await speak_up(a, d)
    await d.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await d.bye()
    await a.wait_ended()
    [recording] = await files(system, call_id, (TRUNK_A, TONES["101"], TONES["102"]))
    [pause] = recording["pauses"]
    assert (pause["asked_by"], pause["ended_by"]) == ("101@acme.test", "102@acme.test")


async def test_in_a_conference_of_two_tenants_and_for_whoever_joins(system: System) -> None:
    """Each tenant has a file of its own, and the pause of the one's user reaches the other's."""
    needs(system, "conference")
    await system.put_tenant("acme.test", True)
    await system.put_tenant("other.test", True)
    a = await system.phone("outside").call("7040")
    b = await system.phone("101").call("7040")
    c = await system.phone("201").call("7040")
    call_id = await system.call_id("201")
    await recording(system, call_id, 2)
    await asyncio.sleep(0.6)
    await by_code(system, c, b, "pause")
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.1)
    await paused(system, call_id)
    whisper(a, b, c)
    await asyncio.sleep(0.4)
    d = await system.phone("102").call("7040", source=tone(SECRET_INSIDE))
    await asyncio.sleep(0.8)
    await paused(system, call_id)
    await speak_up(a, b, c, d)
    await by_code(system, b, c, "resume")
    await recording(system, call_id, 2)
    await asyncio.sleep(0.7)
    for dialog in (d, c, b, a):
        await dialog.bye()
    everybody = (TRUNK_A, TONES["101"], TONES["201"], TONES["102"])
    for one in await files(system, call_id, everybody, 2):
        [pause] = one["pauses"]
        assert (pause["asked_by"], pause["ended_by"]) == ("201@other.test", "101@acme.test")
