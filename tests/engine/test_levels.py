"""Levels are looked at while somebody watches, once for all of them, and never on the event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence

import pytest

from controller.core import facts as f
from controller.core.commands import Layout
from controller.engine import levels
from controller.engine.levels import LiveCapture, LiveLevels, Strip, captures_of
from tests.catalog.story import Story
from tests.web.world import begin_live, inside, outside

CAPTURE = LiveCapture("rec1", "fs1", "leg", "t/2026/11/22/rec1.1.wav", Layout.MONO, own_voice_only=False)


class Looking:
    def __init__(self) -> None:
        self.looks = 0
        self.threads: set[int] = set()
        self.trouble = False

    def __call__(self, captures: Sequence[LiveCapture]) -> dict[str, Strip]:
        self.looks += 1
        self.threads.add(threading.get_ident())
        if self.trouble:
            raise ValueError("an error of ours")
        return {c.recording_id: Strip(c.leg_id, ("z",), self.looks, 0.0, self.looks, 1) for c in captures}


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Looking:
    monkeypatch.setattr(levels, "LOOK_S", 0.02)
    return Looking()


async def test_one_look_is_for_all_who_watch(looking: Looking) -> None:
    live = LiveLevels(lambda: [CAPTURE], looking)
    async with live.watching() as one, live.watching() as other:
        for _ in range(5):
            mine, yours = await asyncio.gather(anext(one), anext(other))
            assert mine is yours
    assert looking.looks <= 6
    assert threading.get_ident() not in looking.threads


async def test_nobody_watches_nobody_looks(looking: Looking) -> None:
    live = LiveLevels(lambda: [CAPTURE], looking)
    await asyncio.sleep(0.1)
    assert looking.looks == 0
    async with live.watching() as strips:
        await anext(strips)
    await asyncio.sleep(0.05)
    looks = looking.looks
    await asyncio.sleep(0.1)
    assert looking.looks == looks
    async with live.watching() as strips:
        assert await asyncio.wait_for(anext(strips), 2), "and it begins again"


async def test_who_is_slow_gets_the_newest(looking: Looking) -> None:
    live = LiveLevels(lambda: [CAPTURE], looking)
    async with live.watching() as strips:
        await anext(strips)
        await asyncio.sleep(0.3)
        assert (await anext(strips))["rec1"].end >= looking.looks - 1


async def test_an_error_of_ours_ends_nothing(
    looking: Looking, eventually: Callable[..., Awaitable[None]]
) -> None:
    looking.trouble = True
    live = LiveLevels(lambda: [CAPTURE], looking)
    async with live.watching() as strips:
        first = asyncio.ensure_future(anext(strips))
        await eventually(lambda: looking.looks >= 3, "it goes on looking")
        assert not first.done(), "nothing that is not true is told meanwhile"
        looking.trouble = False
        assert (await asyncio.wait_for(first, 2))["rec1"].lanes == ("z",)


def test_the_captures_are_those_that_the_switch_has_confirmed() -> None:
    story = Story()
    call = begin_live(story, "one", inside("101"), outside("+1"))
    [audio] = [r for r in call.recordings if r.kind == "audio"]
    [found] = captures_of("fs1", story.running)
    assert audio.running
    assert (found.recording_id, found.leg_id, found.path) == (
        audio.recording_id, audio.running.leg_id, audio.running.path
    )  # fmt: skip
    assert story.ask("pause-audio-recording", "one-a").accepted
    assert captures_of("fs1", story.running) == [found], "it is silent, and so is its strip"
    story.answer_captures = False
    begin_live(story, "two", inside("102"), outside("+2"))
    assert captures_of("fs1", story.running) == [found]
    story.apply(f.LegHungUp("one-a", story.at, "normal"))
    story.apply(f.LegHungUp("one-b", story.at, "normal"))
    assert captures_of("fs1", story.running) == []
