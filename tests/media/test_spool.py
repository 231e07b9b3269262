"""The spool: whose files, where, and when the switch is done with them."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.media.errors import HostileName, SpoolError
from controller.media.spool import Patience, Spool

from .doubles import voice, wav_bytes, write

PATH = "acme.example/2026/03/04/r1.1.wav"
TALK = wav_bytes(voice(4000))
KILLED = wav_bytes(voice(4000), closed=False)
SLOW = Patience(settle_s=30, stable_s=0.02, appear_s=60, look_s=0.005)
QUICK = Patience(settle_s=0.05, stable_s=0.02, appear_s=0.1, look_s=0.005)


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    (tmp_path / "spool").mkdir()
    return Spool(tmp_path / "spool")


@pytest.mark.parametrize(
    "path",
    [
        "../r1.1.wav", "/etc/passwd", "acme/../acme/2026/03/04/r1.1.wav", "../../2026/03/04/r1.1.wav",
        "a b/2026/03/04/r1.1.wav", "acme/2026/03/04/r1.1.wav\n", "acme/2026/03/04/./r1.1.wav", "",
        "acme//2026/03/04/r1.1.wav", "/acme/2026/03/04/r1.1.wav", ".x/2026/03/04/r1.1.wav",
        "acme/2026/03/04/r1.1.sh", "acme/2026/03/04/r1.wav", "acme\0/2026/03/04/r1.1.wav",
        "%2e%2e/2026/03/04/r1.1.wav", "${x}/2026/03/04/r1.1.wav",
    ],
)  # fmt: skip
def test_hostile_paths_are_refused(spool: Spool, path: str) -> None:
    with pytest.raises(HostileName):
        spool.locate(path)
    with pytest.raises(HostileName):
        spool.remove(path)


def test_links_are_neither_read_nor_listed(spool: Spool, tmp_path: Path) -> None:
    secret = write(tmp_path / "secret.wav", TALK)
    target = spool.locate(PATH)
    target.parent.mkdir(parents=True)
    target.symlink_to(secret)
    with pytest.raises(HostileName, match="no regular file"):
        spool.find(PATH)
    write(tmp_path / "elsewhere/2026/03/04/r1.1.wav", TALK)
    (spool.root / "linked").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HostileName, match="no folder"):
        spool.find("linked/2026/03/04/r1.1.wav")
    foreign: list[str] = []
    assert list(spool.files(foreign.append)) == []
    assert foreign == [PATH, "linked"]


def test_only_our_files_are_listed(spool: Spool) -> None:
    ours = [
        "acme.example/2026/03/04/r1.1.wav",
        "acme.example/2026/03/04/r1.2.mp4",
        "t=0f/2026/03/05/r2.1.wav",
    ]
    foreign = [
        "acme.example/2026/03/04/.r1.1.wav", "acme.example/2026/03/04/r 1.1.wav", "core.dump",
        "acme.example/2026/03/04/x/r1.1.wav", "2026/03/04/r1.1.wav", "acme.example/2026/03/04/ä.1.wav",
        "acme.example/2026/03/04/r1.1.wav;rm -rf", "acme.example/2026/03/04/..r.1.wav",
    ]  # fmt: skip
    for path in ours + foreign:
        write(spool.root / path, b"12345")
    told: list[str] = []
    found = list(spool.files(told.append))
    assert [f.path for f in found] == ours
    assert (found[0].parsed.recording_id, found[0].parsed.number, found[0].size) == ("r1", 1, 5)
    assert len(told) == len(foreign)  # a folder too deep is told once, as a whole
    assert (spool.root / "core.dump").exists()


def test_a_missing_spool_is_not_an_empty_one(spool: Spool) -> None:
    spool.root.rmdir()
    for act in (lambda: spool.find(PATH), lambda: list(spool.files())):
        with pytest.raises(SpoolError, match="mount it"):
            act()


async def test_a_file_that_its_writer_closed_is_taken_at_once(spool: Spool) -> None:
    write(spool.root / PATH, TALK)
    assert await asyncio.wait_for(spool.wait(PATH, clock(), clock, SLOW), 5) == spool.locate(PATH)


def test_when_a_file_was_last_written(spool: Spool) -> None:
    file = spool.root / "acme.test/2026/11/28/R1.1.wav"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    os.utime(file, (1795867200, 1795867200))
    assert spool.written_at("acme.test/2026/11/28/R1.1.wav") == datetime(2026, 11, 28, 12, tzinfo=UTC)
    assert spool.written_at("acme.test/2026/11/28/R2.1.wav") is None
    assert spool.written_at("../../etc/passwd") is None


async def test_an_open_header_is_waited_for(spool: Spool) -> None:
    """Asterisk: 32 KB at a time, the header at the very end."""
    target = write(spool.root / PATH, KILLED)
    waiting = asyncio.create_task(spool.wait(PATH, clock(), clock, SLOW))
    await asyncio.sleep(0.1)
    with target.open("ab") as file:
        file.write(bytes(1600))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    target.write_bytes(wav_bytes(voice(4800)))
    assert await asyncio.wait_for(waiting, 5) == target


async def test_an_empty_header_is_not_the_end(spool: Spool) -> None:
    """FreeSWITCH: 44 bytes with sizes that fit, until it has 64 KB together or closes."""
    target = write(spool.root / PATH, wav_bytes(voice(0)))
    waiting = asyncio.create_task(spool.wait(PATH, clock(), clock, SLOW))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    target.write_bytes(TALK)
    assert await asyncio.wait_for(waiting, 5) == target


async def test_a_killed_switch_is_not_waited_for_for_ever(spool: Spool) -> None:
    target = write(spool.root / PATH, KILLED)
    assert await asyncio.wait_for(spool.wait(PATH, clock(), clock, QUICK), 5) == target


async def test_as_long_as_it_grows_it_is_not_taken(spool: Spool) -> None:
    target = write(spool.root / PATH, KILLED)
    patient = Patience(settle_s=0.0, stable_s=0.15, appear_s=0.0, look_s=0.005)
    waiting = asyncio.create_task(spool.wait(PATH, clock() - timedelta(hours=1), clock, patient))
    for _ in range(20):
        with target.open("ab") as file:
            file.write(bytes(160))
        await asyncio.sleep(0.02)
        assert not waiting.done()
    assert await asyncio.wait_for(waiting, 5) == target


async def test_a_file_that_comes_late_is_waited_for_until_the_deadline(spool: Spool) -> None:
    waiting = asyncio.create_task(spool.wait(PATH, clock(), clock, SLOW))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    write(spool.root / PATH, TALK)
    assert await asyncio.wait_for(waiting, 5) is not None
    assert await asyncio.wait_for(spool.wait(PATH.replace("r1", "r2"), clock(), clock, QUICK), 5) is None


@pytest.mark.parametrize("set_by", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "backward"])
async def test_a_clock_that_is_set_keeps_nobody_waiting_and_takes_nothing_too_early(
    spool: Spool, set_by: timedelta
) -> None:
    """Before the wait, as when the clock was set at the end of the call, and in the middle of it."""
    target, ahead = write(spool.root / PATH, KILLED), [timedelta()]

    def wall() -> datetime:
        return clock() + ahead[0]

    ended = wall() - min(set_by, timedelta())
    assert await asyncio.wait_for(spool.wait(PATH, ended, wall, QUICK), 5) == target
    began = time.monotonic()
    waiting = asyncio.create_task(
        spool.wait(PATH.replace("r1", "r2"), wall(), wall, replace(QUICK, appear_s=0.4))
    )
    await asyncio.sleep(0.1)
    ahead[0] += set_by
    assert await asyncio.wait_for(waiting, 5) is None
    assert time.monotonic() - began > 0.35


async def test_an_mp4_without_its_index_is_open(spool: Spool) -> None:
    path = PATH.replace(".wav", ".mp4")
    box = (16).to_bytes(4, "big") + b"ftypisom\0\0\0\0"
    target = write(spool.root / path, box + (0x100).to_bytes(4, "big") + b"mdat" + bytes(40))
    waiting = asyncio.create_task(spool.wait(path, clock(), clock, SLOW))
    await asyncio.sleep(0.1)
    assert not waiting.done()
    target.write_bytes(box + (8).to_bytes(4, "big") + b"moov")
    assert await asyncio.wait_for(waiting, 5) == target


def test_the_adapters_own_folder_is_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / ".tapeline").mkdir()
    (tmp_path / ".tapeline/beep.wav").write_bytes(b"x")
    (tmp_path / ".tapeline-not-ours").write_bytes(b"x")
    foreign: list[str] = []
    assert list(Spool(tmp_path).files(foreign.append)) == []
    assert foreign == [".tapeline-not-ours"]
