"""When a switch is said to be unable to write, and what follows: not before its files stand still."""

from __future__ import annotations

import asyncio
import errno
import os
import subprocess
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import pytest

from controller.core.recording import NO_ROOM
from controller.engine.room import BRIM, ENOUGH, STILL_S, UNSEEN_S, RoomWatch
from controller.engine.spool_eyes import SpoolLook
from controller.health import _no_room, _unwatched
from controller.media.spool_here import SpoolHere
from controller.media.spool_room import SpoolRoom, takes

from .bench import Running, now
from .test_engine import recording

Eventually = Callable[..., Awaitable[None]]


class Disk:
    """What is found at the next look, and a clock that only goes on when it is told."""

    def __init__(self) -> None:
        self.free: int | None = ENOUGH
        self.grows = False
        self.at = 0.0
        self.away = ""
        self._size = 0

    async def look(self, paths: Sequence[str]) -> SpoolLook:
        if self.away:
            raise OSError(self.away)
        self._size += self.grows
        return SpoolLook(self.free, dict.fromkeys(paths, self._size))

    async def written_at(self, path: str) -> datetime | None:
        return None


class Watched:
    def __init__(self, running: Running) -> None:
        self.disk = Disk()
        self.watch = RoomWatch(running.engine.engines[0], self.disk, now, lambda: self.disk.at)
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


async def test_whoever_cannot_see_for_long_says_so_and_what_was_found_stays(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.engine.room.LOOK_S", 0.01)
    async with Running(tmp_path) as running:
        await recording(running, eventually)
        w = Watched(running)
        w.disk.free = 0
        await w.look()
        assert await w.look(STILL_S)
        w.disk.away = "no controller runs on far"
        watching = asyncio.create_task(w.watch.run())
        for _ in range(30):
            await asyncio.sleep(0.01)
        assert _unwatched(running.engine) == [], "a restart is nobody's alarm"
        w.disk.at += UNSEEN_S
        await eventually(lambda: bool(_unwatched(running.engine)), "it is told")
        [alarm] = _unwatched(running.engine)
        assert (alarm.code, alarm.detail) == ("spool.unwatched", "not watched: no controller runs on far")
        assert w.watch.full, "nobody has seen that there is room"
        w.disk.away, w.disk.free = "", ENOUGH
        await eventually(lambda: not _unwatched(running.engine) and not w.watch.full, "seen again")
        watching.cancel()


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


PATHS = ("acme.test/2026/11/22/01aaa.1.wav", "other.test/2026/11/22/01bbb.1.wav")


class Quota:
    """Folders that take no more of us, though the disk has room; what each was asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, code: int = errno.EDQUOT) -> None:
        self.over: set[str] = set()
        self.asked: list[int] = []
        self._code, self._fallocate = code, os.posix_fallocate
        # The kernels that tests run on have no quotas. What a file system says of one comes from here.
        monkeypatch.setattr(os, "posix_fallocate", self._asked)

    def _asked(self, file: int, offset: int, size: int) -> None:
        self.asked.append(size)
        folder = str(Path(f"/proc/self/fd/{file}").readlink())
        if any(f"/{tenant}/" in folder for tenant in self.over):
            raise OSError(self._code, os.strerror(self._code))
        self._fallocate(file, offset, size)


class Spooled:
    """A spool with a capture of each of two tenants, and a clock that only goes on when it is told."""

    def __init__(self, root: Path) -> None:
        self.root, self.at = root, 0.0
        self.room = SpoolRoom(root, lambda: self.at)
        for path in PATHS:
            (root / path).parent.mkdir(parents=True)
            (root / path).write_bytes(bytes(100))

    def look(self, seconds: float = 1.0, paths: Sequence[str] = PATHS) -> int:
        self.at += seconds
        free = self.room.look(paths).free
        assert free is not None
        return free

    def grow(self, path: str = PATHS[0]) -> None:
        with (self.root / path).open("ab") as file:
            file.write(bytes(100))


def test_a_quota_that_ends_before_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool, quota = Spooled(tmp_path), Quota(monkeypatch)
    quota.over = {"acme.test", "other.test"}
    for _ in range(10):
        spool.grow()
        assert spool.look() > ENOUGH
    assert quota.asked == [], "while something grows nothing is asked of the disk"
    assert spool.look(STILL_S) == 0
    assert quota.asked == [BRIM, BRIM]
    assert spool.look() == 0
    assert spool.look(paths=()) == 0, "its captures were ended meanwhile"
    quota.over.clear()
    assert spool.look(paths=()) > ENOUGH
    assert quota.asked[-1] == ENOUGH, "not for a moment's room"
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["01aaa.1.wav", "01bbb.1.wav"]


def test_one_tenants_quota_and_calls_on_hold_are_no_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool, quota = Spooled(tmp_path), Quota(monkeypatch)
    spool.look()
    assert all(spool.look() > ENOUGH for _ in range(10)), "on hold"
    assert len(quota.asked) <= 4, "asked now and then only"
    quota.over = {"acme.test"}
    assert all(spool.look() > ENOUGH for _ in range(10)), "the other's folder takes it"


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EIO])
def test_what_is_no_answer_about_room_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    spool, quota = Spooled(tmp_path), Quota(monkeypatch, code)
    quota.over = {"acme.test", "other.test"}
    spool.look()
    assert spool.look(STILL_S) > ENOUGH
    assert quota.asked
    assert takes(tmp_path / "gone", BRIM)


async def test_a_quota_raises_the_alarm_of_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    """Whole: the engine's watch over a real folder, no file of which grows."""
    async with Running(tmp_path / "state") as running:
        await recording(running, eventually)
        [call] = running.engine.engines[0].desk.book
        path = call.recordings[0].unfinished[0].path
        file = tmp_path / "spool" / path
        file.parent.mkdir(parents=True)
        file.write_bytes(bytes(100))
        clock = Disk()
        spool = SpoolHere(tmp_path / "spool", lambda: clock.at)
        watch = RoomWatch(running.engine.engines[0], spool, now, lambda: clock.at)
        running.engine.rooms.append(watch)
        quota = Quota(monkeypatch)
        quota.over = {path.partition("/")[0]}
        for _ in range(12):
            clock.at += 1.0
            await watch.look()
        [alarm] = _no_room(running.engine)
        assert alarm.code == "spool.full"
        await eventually(lambda: causes(running) == [NO_ROOM], "it is ended where its file ends")
        quota.over.clear()
        clock.at += 1.0
        await watch.look()
        assert _no_room(running.engine) == []
        await eventually(lambda: causes(running) == [NO_ROOM, ""], "begun anew")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real one of 256 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def test_what_the_kernel_says_of_a_disk_with_no_room(small_disk: Path) -> None:
    assert takes(small_disk, BRIM)
    assert not takes(small_disk, ENOUGH)
    (small_disk / "full").write_bytes(bytes(224 << 10))
    assert not takes(small_disk, BRIM)
    assert [p.name for p in small_disk.iterdir()] == ["full"], "what it asked for is given back"
    (small_disk / "full").unlink()
    assert takes(small_disk, BRIM)


@pytest.fixture
def quota_of_4_mib(tmp_path: Path) -> Iterator[Path]:
    """A tenant's folder with a quota of its own, on a real btrfs (needs btrfs-progs)."""
    disk, image = tmp_path / "disk", tmp_path / "image"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    commands = [
        ["mkfs.btrfs", "-q", image], ["mount", "-o", "loop", image, disk], ["btrfs", "quota", "enable", disk],
        ["btrfs", "subvolume", "create", disk / "acme.test"],
        ["btrfs", "qgroup", "limit", "4M", disk / "acme.test"], ["sync"],
    ]  # fmt: skip
    try:
        for command in commands:
            try:
                subprocess.run(command, capture_output=True, check=True)
            except (OSError, subprocess.CalledProcessError) as error:
                pytest.skip(f"no btrfs can be made and mounted here: {error}")
        yield disk
    finally:
        subprocess.run(["umount", disk], capture_output=True)


def test_a_real_quota(quota_of_4_mib: Path) -> None:
    path, at = PATHS[0], [0.0]
    room = SpoolRoom(quota_of_4_mib, lambda: at[0])

    def free(paths: Sequence[str]) -> int:
        at[0] += 1
        found = room.look(paths).free
        assert found is not None
        return found

    file = quota_of_4_mib / path
    file.parent.mkdir(parents=True)

    def record() -> None:
        with file.open("wb", buffering=0) as capture:
            while True:
                capture.write(os.urandom(16 << 10))
                os.fsync(capture.fileno())
                assert free([path]) > ENOUGH

    with pytest.raises(OSError, match="quota"):
        record()
    assert [free([path]) == 0 for _ in range(5)][-1], "the disk has room, and the folder has none"
    file.unlink()
    os.sync()
    assert free([]) > ENOUGH
