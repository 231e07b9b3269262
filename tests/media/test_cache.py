"""Copies at home of what lies elsewhere: played from, bounded, and the first to go when a disk is full."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller.engine.media_ports import HOME, FileRole, MediaState, StoredFile
from controller.media.errors import StoreError
from controller.media.mover import Mover
from controller.media.seal_task import SealTask
from controller.media.shelves import Destination, LocalShelf, Stores
from controller.media.store import LocalStore
from controller.media.sweep import sweep
from controller.media.watermark import Watermark
from tests.disks import fill, small_disk

from .conftest import Bench
from .doubles import MemoryCatalog, due, voice, wav_bytes
from .sealed import sealing_stores

EVERYBODY = Destination("cloud", None)
MIB = 1 << 20


class Away(LocalShelf):
    """A store that counts how often it is read, and that can be away."""

    reads = 0
    away = False

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        self.reads += 1
        if self.away:
            raise StoreError("the store is away")
        return super().read(key, start, length)

    def put(self, key: str, blocks: Iterator[bytes], size: int) -> None:
        if self.away:
            raise StoreError("the store is away")
        super().put(key, blocks, size)


@pytest.fixture
def cloud(tmp_path: Path) -> Away:
    return Away("cloud", LocalStore(tmp_path / "cloud"))


@pytest.fixture(params=["plain", "sealed"])
def stores(bench: Bench, cloud: Away, tmp_path: Path, request: pytest.FixtureRequest) -> Stores:
    if request.param == "sealed":
        return sealing_stores(bench.store, tmp_path, {"cloud": cloud}, [EVERYBODY], cache_bytes=8 * MIB)
    return Stores(bench.store, {"cloud": cloud}, [EVERYBODY], cache_bytes=8 * MIB)


def cached(stores: Stores) -> list[Path]:
    return sorted(p for p in stores.cache.folder.rglob("*") if p.is_file())


async def moved(bench: Bench, stores: Stores, *ids: str, frames: int = 60_000) -> list[StoredFile]:
    """Recordings of one segment, finished, sealed where that is demanded, and moved; their renditions."""
    for seed, recording_id in enumerate(ids):
        bench.record(due(recording_id, (0, 1)), wav_bytes(voice(frames, seed=seed)))
    states = await bench.pipeline(stores=stores).drain()
    assert set(states.values()) == {MediaState.AVAILABLE}
    for recording_id in ids:
        await SealTask(bench.catalog, stores).run(recording_id, lambda part: None)
    await Mover(bench.catalog, stores).fill(EVERYBODY)
    assert {row.store for row in bench.catalog.rows.values()} == {"cloud"}
    assert list(bench.store.keys()) == []
    return [bench.catalog.rows[i, FileRole.RENDITION, 0] for i in ids]


async def test_what_was_moved_is_played_from_here(bench: Bench, stores: Stores, cloud: Away) -> None:
    rows = await moved(bench, stores, "r1", "r2")
    assert len(cached(stores)) == 2, "a rendition each, and no segments"
    cloud.reads, cloud.away = 0, True
    for row in rows:
        whole = b"".join(stores.read(row))
        assert len(whole) == row.size
        assert b"".join(stores.read(row, 66_000, 500)) == whole[66_000:66_500]
    assert cloud.reads == 0
    cloud.away = False
    assert stores.digest(rows[0]).sha256 == rows[0].sha256
    assert cloud.reads == 1, "a check is one of the store itself"
    assert (await sweep(bench.catalog, {"fs": bench.spool}, stores, False)).sound


async def test_a_copy_here_that_is_damaged_or_gone_hides_nothing(bench: Bench, stores: Stores) -> None:
    [row] = await moved(bench, stores, "r1")
    whole = b"".join(stores._lying(row))
    [copy] = cached(stores)
    if row.sealing:
        content = bytearray(copy.read_bytes())
        content[90_000] ^= 1
        copy.write_bytes(content)
        assert b"".join(stores.read(row, 10, 100_000)) == whole[10:100_010]
        assert cached(stores) == []
        return
    reading = stores.read(row)
    copy.unlink()
    assert b"".join(reading) == whole


async def test_nothing_is_here_that_is_not_there(bench: Bench, stores: Stores, cloud: Away) -> None:
    """What was not moved is no copy of anything: there is nothing that could be evicted."""
    bench.record(due("r1", (0, 1)), wav_bytes(voice(60_000)))
    await bench.pipeline(stores=stores).drain()
    await SealTask(bench.catalog, stores).run("r1", lambda part: None)
    cloud.away = True
    await Mover(bench.catalog, stores).fill(EVERYBODY)
    assert cached(stores) == []
    assert stores.cache.make_room(1 << 40) == 0
    for row in bench.catalog.rows.values():
        assert row.store == HOME
        assert stores.digest(row).sha256 == row.sha256


async def test_the_longest_unused_go_first(bench: Bench, stores: Stores) -> None:
    rows = await moved(bench, stores, "r1", "r2", "r3")
    for age, row in zip((300, 200, 100), rows, strict=True):
        path = stores.cache.find(row)
        assert path is not None
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    list(stores.read(rows[0]))  # the oldest is played
    assert stores.cache.make_room(1) > 100_000
    assert [stores.cache.find(row) is not None for row in rows] == [True, False, True]
    stores.cache.limit = 1
    stores.cache.trim()
    assert cached(stores) == []
    assert all(b"".join(stores.read(row)) for row in rows)


async def test_its_limit_is_kept(bench: Bench, stores: Stores) -> None:
    stores.cache.limit = 300_000
    await moved(bench, stores, *(f"r{n}" for n in range(1, 8)))
    assert 0 < sum(p.stat().st_size for p in cached(stores)) <= 300_000


async def test_without_a_cache_nothing_is_kept(bench: Bench, stores: Stores) -> None:
    stores.cache.limit = 0
    await moved(bench, stores, "r1")
    assert cached(stores) == []


async def test_a_recording_is_forgotten(bench: Bench, stores: Stores) -> None:
    rows = await moved(bench, stores, "r1", "r2")
    stores.cache.forget("r1")
    stores.cache.forget("r1")
    assert [stores.cache.find(row) is not None for row in rows] == [False, True]
    stores.delete(rows[1])
    assert cached(stores) == []
    for hostile in ("..", "../r1", "a/b", "", "r1\0"):
        with pytest.raises(StoreError):
            stores.cache.forget(hostile)


async def test_a_disk_that_fills_up_is_relieved(bench: Bench, stores: Stores, tmp_path: Path) -> None:
    rows = await moved(bench, stores, "r1", "r2", "r3")
    used = [81 * MIB]

    def usage(path: Path) -> tuple[int, int, int]:
        return 100 * MIB, used[0], 100 * MIB - used[0]

    def make_room(wanted: int, path: Path) -> int:
        freed = stores.cache.make_room(wanted, path)
        used[0] -= 2 * MIB if freed else 0
        return freed

    mark = Watermark({"spool": bench.spool, "store": bench.store.root}, 80, 95, usage, make_room)
    assert mark.relieve() == []
    assert cached(stores) == []
    used[0] = 97 * MIB
    assert [level.critical for level in mark.relieve()] == [True, True], "there is nothing left to spare"
    assert all(len(b"".join(stores.read(row))) == row.size for row in rows)


# ── a disk that is really full ─────────────────────────────────────────────────────────────────


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk", 4) as folder:
        yield folder


def nothing_half_written(store: LocalStore) -> None:
    assert [p for p in store.root.rglob("*.part*")] == []
    scratch = store.root / ".scratch"
    assert not scratch.exists() or list(scratch.iterdir()) == []


async def test_a_full_disk_of_its_own_loses_nothing_and_ends_by_itself(tmp_path: Path, disk: Path) -> None:
    """The spool is on another disk: collecting waits, and nothing of the spool is removed meanwhile."""
    (tmp_path / "spool").mkdir()
    bench = Bench(tmp_path / "spool", LocalStore(disk / "store"), MemoryCatalog())
    content = wav_bytes(voice(200_000))
    bench.record(due("r1", (0, 1), (2, 3)), content, wav_bytes(voice(8000, seed=2)))
    ballast = fill(disk, 100_000)
    assert await bench.pipeline().drain() == {"r1": MediaState.FAILED}
    assert "free some space" in bench.catalog.errors["r1"]
    assert (bench.spool / bench.catalog.recordings["r1"].segments[0].path).read_bytes() == content
    nothing_half_written(bench.store)
    ballast.unlink()
    assert await bench.pipeline().drain() == {"r1": MediaState.AVAILABLE}
    assert bench.spooled() == []
    nothing_half_written(bench.store)


async def test_on_a_full_disk_the_cache_goes_before_a_recording_waits(tmp_path: Path, disk: Path) -> None:
    (tmp_path / "spool").mkdir()
    bench = Bench(tmp_path / "spool", LocalStore(disk / "store"), MemoryCatalog())
    cloud = LocalShelf("cloud", LocalStore(tmp_path / "cloud"))
    stores = Stores(bench.store, {"cloud": cloud}, [EVERYBODY], cache_bytes=100 * MIB)
    rows = await moved(bench, stores, "r1", "r2", frames=400_000)
    assert len(cached(stores)) == 2
    fill(disk, 50_000)
    bench.record(due("r3", (0, 1)), wav_bytes(voice(300_000, seed=9)))
    assert await bench.pipeline(stores=stores).drain() == {"r3": MediaState.AVAILABLE}
    assert len(cached(stores)) == 1, "no more than was needed"
    assert all(len(b"".join(stores.read(row))) == row.size for row in rows)


async def test_one_full_disk_for_all_still_lets_recordings_leave(tmp_path: Path, disk: Path) -> None:
    """Spool and store on one disk, not a byte free: what was recorded is taken over without a copy, and
    goes to the bucket, which makes room again."""
    (disk / "spool").mkdir()
    bench = Bench(disk / "spool", LocalStore(disk / "store"), MemoryCatalog())
    cloud = LocalShelf("cloud", LocalStore(tmp_path / "cloud"))
    stores = Stores(bench.store, {"cloud": cloud}, [EVERYBODY])
    content = wav_bytes(voice(500_000))
    bench.record(due("r1", (0, 1)), content)
    fill(disk, 20_000)
    assert await bench.pipeline(stores=stores).drain() == {"r1": MediaState.AVAILABLE}
    assert bench.spooled() == []
    before = shutil.disk_usage(disk).free
    await Mover(bench.catalog, stores).fill(EVERYBODY)
    assert shutil.disk_usage(disk).free - before >= 1_000_000
    row = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    assert b"".join(stores.read(row)) == content
    nothing_half_written(bench.store)
