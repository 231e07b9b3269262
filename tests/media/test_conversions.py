"""On demand: made once, kept for a while, bounded, and gone with the recording."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from controller.core.formats import Format
from controller.engine.converting import CannotConvert, ConversionsBusy
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import FileRow
from controller.media import conversions as module
from controller.media import wav
from controller.media.conversions import MOST_WAITING, Conversions, entry_name
from controller.media.encoders import Encoders
from controller.media.errors import HostileName, NoEncoder
from controller.media.format_cache import FormatCache
from controller.media.shelves import Stores, home_only
from controller.media.store import LocalStore

from .doubles import MemoryCatalog, tone, wav_bytes, write

KEY = "acme/2026/03/04/r1.wav"


class Counting(Encoders):
    """Real ones; counts what is made, and waits while ``held``."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.go = threading.Event()
        self.go.set()

    def tool(self, format: Format):  # type: ignore[no-untyped-def]
        self.go.wait(20)
        self.asked += 1
        return super().tool(format)


class Desk:
    def __init__(self, root: Path) -> None:
        self.stores: Stores = home_only(LocalStore(root / "store"))
        self.catalog = MemoryCatalog()
        self.encoders = Counting()
        self.cache = FormatCache(root / "cache", 16_000_000)
        self.conversions = Conversions(self.catalog, self.stores, self.encoders, self.cache, 2)

    async def put(self, recording_id: str = "r1", seconds: float = 1.0) -> FileRow:
        content = wav_bytes(tone(int(8000 * seconds), 8000))
        key = KEY.replace("r1", recording_id)
        write(self.stores.home.path(key), content)
        digest = self.stores.home.put(self.stores.home.path(key), key)
        await self.catalog.add_file(
            StoredFile(
                recording_id, FileRole.RENDITION, 0, key, "wav", digest.size, digest.sha256,
                int(seconds * 1000), 1, 8000,
            )
        )  # fmt: skip
        return FileRow(
            "rendition", 0, key, "wav", digest.size, digest.sha256, int(seconds * 1000), 1, 8000, False, ""
        )


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    if not Encoders().has(Format.FLAC):
        pytest.skip("NO ENCODER FOR FLAC ON THIS MACHINE: conversions are not tested here")
    return made


async def test_made_once_and_found_again(desk: Desk) -> None:
    row = await desk.put()
    several = await asyncio.gather(*(desk.conversions.converted("r1", row, Format.FLAC) for _ in range(5)))
    assert len(set(several)) == 1
    assert desk.encoders.asked == 2  # once to look, once to encode
    assert await desk.conversions.converted("r1", row, Format.FLAC) == several[0]
    assert desk.encoders.asked == 2
    assert several[0].read_bytes()[:4] == b"fLaC"
    assert several[0].stat().st_mode & 0o077 == 0 or desk.cache.root.stat().st_mode & 0o077 == 0


async def test_only_so_many_wait(desk: Desk) -> None:
    row = await desk.put()
    desk.encoders.go.clear()
    spans = [(n, n + 500) for n in range(2 + MOST_WAITING)]
    tasks = [asyncio.create_task(desk.conversions.converted("r1", row, Format.FLAC, s)) for s in spans]
    async with asyncio.timeout(10):
        while len(desk.conversions._making) < len(spans):
            await asyncio.sleep(0.01)
    with pytest.raises(ConversionsBusy):
        await desk.conversions.converted("r1", row, Format.FLAC)
    desk.encoders.go.set()
    await asyncio.gather(*tasks)
    await desk.conversions.converted("r1", row, Format.FLAC)


async def test_a_recording_that_is_forgotten_leaves_nothing_even_if_it_is_being_made(desk: Desk) -> None:
    row = await desk.put()
    await desk.conversions.converted("r1", row, Format.FLAC)
    desk.cache.forget("r1")
    assert desk.cache.recordings() == []
    desk.encoders.go.clear()
    task = asyncio.create_task(desk.conversions.converted("r1", row, Format.FLAC))
    async with asyncio.timeout(10):
        while not desk.conversions._making:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0)
    desk.cache.forget("r1")
    desk.encoders.go.set()
    try:
        await task
    except CannotConvert:
        assert desk.cache.recordings() == []
    else:
        desk.cache.forget("r1")  # it had not begun yet: it is made after it, as of any other
    desk.cache.forget("r1")
    assert not list(desk.cache.root.glob("r1/*"))


def test_what_was_begun_before_the_forgetting_is_not_kept(tmp_path: Path) -> None:
    cache = FormatCache(tmp_path / "cache", 1000)
    age, made = cache.age("r1"), cache.scratch()
    made.write_bytes(b"x")
    cache.forget("r1")
    assert cache.keep(made, "r1", "a.mp3", age) is None
    assert not made.exists()
    assert cache.recordings() == []


async def test_what_was_deleted_by_another_process_goes_with_the_next_look(desk: Desk) -> None:
    kept, gone = await desk.put("r1"), await desk.put("r2")
    for recording_id, row in (("r1", kept), ("r2", gone)):
        await desk.conversions.converted(recording_id, row, Format.FLAC)
    await desk.conversions.tidy()
    assert desk.cache.recordings() == ["r1", "r2"]
    await desk.catalog.forget_files("r2")
    await desk.conversions.tidy()
    assert desk.cache.recordings() == ["r1"]


def test_the_least_lately_used_goes_first_and_what_is_in_use_never(tmp_path: Path) -> None:
    cache = FormatCache(tmp_path / "cache", 1000)

    def put(name: str, size: int, used: float) -> None:
        made = cache.scratch()
        made.write_bytes(b"x" * size)
        path = cache.keep(made, "r1", name, 0)
        assert path is not None
        os.utime(path, (time.time() - used,) * 2)

    put("a.mp3", 400, 300)
    put("b.mp3", 400, 200)
    assert cache.find("r1", "a.mp3") is not None  # used again
    os.utime(cache.root / "r1/a.mp3", (time.time() - 100,) * 2)
    put("c.mp3", 400, 0)
    assert cache.find("r1", "b.mp3") is None
    assert cache.size() == 800
    put("d.mp3", 900, 0)
    assert cache.find("r1", "c.mp3") is not None, "perhaps it is being sent"
    assert cache.find("r1", "a.mp3") is None


def test_no_name_leads_out_of_the_folder(tmp_path: Path) -> None:
    cache = FormatCache(tmp_path / "cache", 1000)
    for hostile in ("", "..", "a/b", "../x", ".work", "x" * 200):
        with pytest.raises(HostileName):
            cache.find(hostile, "a.mp3")
        with pytest.raises(HostileName):
            cache.forget(hostile)


def test_sealed_ones_lie_there_for_minutes_only(tmp_path: Path) -> None:
    cache = FormatCache(tmp_path / "cache", 1000)
    row = FileRow("rendition", 0, KEY, "wav", 1, "ab" * 32, 1, 1, 8000, False, "", sealing="wrapped")
    for name, used in ((entry_name(row, Format.MP3, None), 700), (f"{'ab' * 16}.mp3", 700)):
        made = cache.scratch()
        made.write_bytes(b"x")
        path = cache.keep(made, "r1", name, 0)
        assert path is not None
        os.utime(path, (time.time() - used,) * 2)
    assert cache.sources("r1") == {"ab" * 16}
    cache.expire()
    assert [p.name for p in (tmp_path / "cache/r1").iterdir()] == [f"{'ab' * 16}.mp3"]


async def test_a_clip_is_that_piece(desk: Desk) -> None:
    row = await desk.put(seconds=3)
    path = await desk.conversions.converted("r1", row, Format.WAV, (1000, 1750))
    assert (wav.inspect(path).duration_ms, wav.inspect(path).header_ok) == (750, True)
    beyond = await desk.conversions.converted("r1", row, Format.WAV, (2900, 9000))
    assert wav.inspect(beyond).duration_ms == 100
    with pytest.raises(CannotConvert):
        await desk.conversions.converted("r1", row, Format.WAV, (4000, 5000))


async def test_without_an_encoder_it_says_what_to_install_and_nothing_of_our_disk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = await desk.put()

    def nothing(format: Format) -> None:
        raise NoEncoder("install it")

    monkeypatch.setattr(desk.encoders, "tool", nothing)
    with pytest.raises(CannotConvert, match="install it"):
        await desk.conversions.converted("r1", row, Format.MP3)
    desk.stores.home.path(row.key).unlink()
    with pytest.raises(CannotConvert) as caught:
        await desk.conversions.converted("r1", row, Format.WAV)
    assert "/" not in str(caught.value)
    assert module.log is not None
