"""The controller is killed with -9 at each named point of a live call, and started again.

One story each time: a call from outside is recorded, paused for something secret, resumed, and put through to
a second party outside. Whoever asked for something and got no answer asks again, as people do. What may never
be heard is said in tones of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.demo.phone import Dialog, tone

from .parties import ms_of, outside
from .system import TONES, TRUNK_A, TRUNK_B, System, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

OUTSIDE_B = "+15557654321"
SECRET, SECRET_A = 3050, 3350
#: So long after a start the switch records by itself what begins, which is then destroyed as recorded twice.
ALONE_S = 2.0
#: What the first outside party says to the second.
ALONE_A = 3600
AFTER, AFTER_A = 550, 2150

#: For each moment of the story the points from there on. What is saved at one is saved as at another.
STARTS = ("open.decided", "open.done", "calls.saving", "calls.saved")
PAUSES = ("mask.decided", "mask.done", "calls.saving")
RESUMES = ("unmask.decided", "unmask.done", "calls.saving")
LEAVES = ("close.decided", "close.done", "calls.saving")
MOMENTS = [
    (moment, point)
    for moment, points in {"start": STARTS, "pause": PAUSES, "resume": RESUMES, "leave": LEAVES}.items()
    for point in points
]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def armed(running: System, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Path]:
    """The controller is one that dies where this file says."""
    file, usual = tmp_path_factory.mktemp("armed") / "point", running.controller.program
    await running.controller.stop()
    running.controller.program = ("-m", "tests.e2e.dying", str(file))
    await running.controller.start()
    await asyncio.sleep(ALONE_S)
    yield file
    await running.controller.stop()
    running.controller.program = usual
    await running.controller.start()
    await asyncio.sleep(ALONE_S)


class Story:
    """The call, and a controller that may be dead at any time."""

    def __init__(self, system: System, armed: Path, moment: str, point: str) -> None:
        self.system, self.armed, self.moment, self.point = system, armed, moment, point

    def now(self, moment: str) -> None:
        if moment == self.moment:
            self.armed.write_text(self.point)

    async def died(self) -> bool:
        """Whether it has been killed; if so, it runs again."""
        if self.system.controller.running:
            return False
        await self.system.controller.start()
        return True

    async def gone(self) -> None:
        """It dies, for the point is passed sooner or later; and is there again."""
        await until(self._dead, f"killed at {self.point}", 5)
        await asyncio.sleep(0.3)  # nobody notices at once
        assert await self.died()

    async def _dead(self) -> bool:
        return not self.system.controller.running

    async def state(self, user: str, state: str, within: float) -> bool:
        async def there() -> bool:
            calls = await self.system.live(user=user)
            return any(r["state"] == state for c in calls for r in c["recordings"])

        try:
            await until(there, state, within)
        except AssertionError:
            return False
        return True

    async def ask(self, user: str, call_id: str, operation: str, state: str) -> None:
        """Until it is so."""
        for _ in range(3):
            if (await self.system.control(call_id, operation)).status == 0:  # killed before it could answer
                await self.gone()
            if await self.state(user, state, 3):
                return
        raise AssertionError(f"asked three times: not {state}: {await self.system.live()}")


def say(a: Dialog, b: Dialog, of_a: int, of_b: int) -> None:
    a.rtp.play(tone(of_a))
    b.rtp.play(tone(of_b))


@pytest.mark.parametrize(("moment", "point"), MOMENTS, ids=[f"{m}-{p}" for m, p in MOMENTS])
async def test_nothing_is_lost_or_forgotten(system: System, armed: Path, moment: str, point: str) -> None:
    story = Story(system, armed, moment, point)
    before = await calls(system)
    story.now("start")
    a, b = await system.call("outside", "101")
    if moment == "start":
        await story.gone()
    assert await story.state("101", "recording", 8), await system.live()
    call_id = await system.call_id("101")
    await asyncio.sleep(0.8)

    story.now("pause")
    await story.ask("101", call_id, "pause-audio-recording", "paused")
    if moment == "pause" and system.controller.running and armed.exists():
        await story.gone()
    say(a, b, SECRET_A, SECRET)
    await asyncio.sleep(0.6)
    if moment == "pause" and await story.died():
        assert await story.state("101", "paused", 3), await system.live()
    await asyncio.sleep(0.3)
    say(a, b, AFTER_A, AFTER)
    await asyncio.sleep(0.2)  # what was said is on its way

    story.now("resume")
    await story.ask("101", call_id, "resume-audio-recording", "recording")
    await asyncio.sleep(0.8)
    if moment == "resume" and await story.died():
        assert await story.state("101", "recording", 3), await system.live()
    await asyncio.sleep(0.5)

    story.now("leave")
    system.phone("outside").auto_answer = False
    await b.transfer(OUTSIDE_B)
    c = await outside(system, OUTSIDE_B, TRUNK_B)
    a.rtp.play(tone(ALONE_A))
    c.answer()
    await asyncio.sleep(0.6)
    if moment == "leave" and armed.exists():
        pytest.skip(f"{point} is not passed on this switch, which ends the capture by itself")
    await story.died()
    await asyncio.sleep(0.5)
    await c.bye()
    await a.wait_ended()

    [recording] = await system.recordings(call_id)
    said = (TRUNK_A, TONES["101"], AFTER_A, AFTER)
    never = (SECRET_A, SECRET, ALONE_A, TRUNK_B)
    heard = await ms_of(system, recording, *said, *never)
    assert min(heard[t] for t in said) > 600, heard
    assert not [t for t in never if heard[t]], heard
    assert await calls(system) == before + 1


async def calls(system: System) -> int:
    """How many calls the catalog has."""
    body: Any = (await system.controller.api("GET", "/calls?limit=200")).body
    return len(body["items"])
