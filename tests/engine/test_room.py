"""When a switch is said to be unable to write, and what follows: not before its files stand still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from controller.core.recording import NO_ROOM
from controller.engine.room import ENOUGH, STILL_S, RoomWatch, SpoolLook
from controller.health import _no_room
from controller.media.spool_room import SpoolRoom

from .bench import Running, now
from .test_engine import recording

Eventually = Callable[..., Awaitable[None]]


class Disk:
    """What is found at the next look, and a clock that only goes on when it is told."""

    def __init__(self) -> None:
        self.free: int | None = ENOUGH
        self.grows = False
        self.at = 0.0
        self._size = 0

    def look(self, paths: Sequence[str]) -> SpoolLook:
        self._size += self.grows
        return SpoolLook(self.free, dict.fromkeys(paths, self._size))


class Watched:
    def __init__(self, running: Running) -> None:
        self.disk = Disk()
        self.watch = RoomWatch(running.engine.engines[0], self.disk.look, now, lambda: self.disk.at)
        running.engine.rooms.append(self.watch)

    async def look(self, seconds: float = 1.0) -> bool:
        self.disk.at += seconds
        await self.watch.look()
        return self.watch.full


def causes(running: Running) -> list[str]:
    [call] = running.engine.engines[0].desk.book
    return [s.cause for s in call.recordings[0].segments]


async def test_full_once_nothing_grows_and_begun_anew_once_there_is_room(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path) as running:
        await recording(running, eventually)
        w = Watched(running)
        assert not await w.look()
        w.disk.free = 0
        assert not await w.look()
        assert not await w.look()
        assert await w.look(STILL_S)
        [alarm] = _no_room(running.engine)
        assert (alarm.code, alarm.severity) == ("spool.full", "critical")
        await eventually(lambda: causes(running) == [NO_ROOM], "it is ended where its file ends")
        for _ in range(20):
            await asyncio.sleep(0)
        w.disk.free = ENOUGH - 1
        assert await w.look(), "not for a moment's room"
        assert len(causes(running)) == 1, "nothing is opened meanwhile"
        w.disk.free = ENOUGH
        assert not await w.look()
        await eventually(lambda: running.states() == ["recording"], "begun anew")
        assert causes(running) == [NO_ROOM, ""]
        assert _no_room(running.engine) == []


async def test_whoever_can_write_still_goes_on(tmp_path: Path, eventually: Eventually) -> None:
    """Root may use what is set aside, and a disk that says nothing of itself is asked nothing."""
    async with Running(tmp_path) as running:
        await recording(running, eventually)
        w = Watched(running)
        w.disk.free, w.disk.grows = 0, True
        assert not any([await w.look(STILL_S) for _ in range(5)])
        w.disk.free, w.disk.grows = None, False
        assert not any([await w.look(STILL_S) for _ in range(5)])
        assert causes(running) == [""]


async def test_what_was_full_for_a_moment_is_begun_anew_as_well(
    tmp_path: Path, eventually: Eventually
) -> None:
    """Its file may have a hole that nobody sees."""
    async with Running(tmp_path) as running:
        await recording(running, eventually)
        w = Watched(running)
        w.disk.free = 0
        assert not await w.look()
        w.disk.free = ENOUGH
        assert not await w.look()
        await eventually(lambda: causes(running) == [NO_ROOM, ""], "begun anew")


async def test_a_pause_is_kept(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        a, _ = await recording(running, eventually)
        await running.ask("pause-recording", a)
        w = Watched(running)
        w.disk.free = 0
        await w.look()
        assert await w.look(STILL_S)
        w.disk.free = ENOUGH
        await w.look()
        await eventually(lambda: causes(running) == [NO_ROOM], "ended")
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(causes(running)) == 1, "a pause opens nothing"
        await running.ask("resume-recording", a)
        await eventually(lambda: running.states() == ["recording"], "resumed")


def test_it_looks_at_the_disk_of_the_spool(tmp_path: Path) -> None:
    path = "acme.test/2026/11/22/01aaa.1.wav"
    (tmp_path / path).parent.mkdir(parents=True)
    (tmp_path / path).write_bytes(bytes(100))
    (tmp_path / path).with_suffix(".rx.wav").write_bytes(bytes(20))
    seen = SpoolRoom(tmp_path).look([path, "acme.test/2026/11/22/01bbb.1.wav", "../../etc/passwd"])
    assert dict(seen.sizes) == {path: 120, "acme.test/2026/11/22/01bbb.1.wav": 0, "../../etc/passwd": 0}
    assert seen.free
    with pytest.raises(OSError, match="nowhere"):
        SpoolRoom(tmp_path / "nowhere").look([])
