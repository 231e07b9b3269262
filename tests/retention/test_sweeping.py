"""The sweep over several stores with the real catalog: what no row knows, what is gone, what was deleted."""

from __future__ import annotations

import os
import time

from controller.engine.media_ports import MediaState
from controller.engine.reading import Scope
from controller.media.sweep import SweepReport, Wish, sweep
from tests.media.doubles import voice, wav_bytes, write

from .conftest import RED, House


async def run(house: House, *, dry_run: bool = False, **more: object) -> SweepReport:
    return await sweep(
        house.catalog,
        {"fs": house.spool},
        house.stores,
        dry_run,
        min_age_s=0,
        wish=Wish(**more),  # type: ignore[arg-type]
    )


async def test_what_lies_in_any_store_without_a_row_is_named_and_goes_on_wish(house: House) -> None:
    ids = [await house.record() for _ in range(3)]
    for file in await house.catalog.files(ids[0]):
        house.stores.shelf("shelf").put(file.key, house.stores.read(file), file.size)
        assert await house.catalog.moved(file, "shelf", "")  # the old copy is the mover's, not the sweep's
    assert (await run(house)).sound
    key = f"{RED}/2026/11/22/stray.wav"
    house.stores.shelf("shelf").put(key, iter([b"x"]), 1)
    house.stores.shelf("home").put(key, iter([b"y"]), 1)
    report = await run(house, dry_run=True, remove_unrecorded=True)
    assert (report.unrecorded, report.removed, report.sound) == ([key, f"shelf:{key}"], [], False)
    assert (await run(house)).unrecorded == [key, f"shelf:{key}"]
    report = await run(house, remove_unrecorded=True)
    assert report.removed == [key, f"shelf:{key}"]
    assert report.sound
    assert (await run(house)).sound
    assert report.rows == 6
    assert report.hashed == 6


async def test_more_than_half_is_refused_for_each_kind_apart(house: House) -> None:
    await house.record()
    keys = [f"{RED}/2026/11/22/stray{n}.wav" for n in range(3)]
    for key in keys:
        house.stores.shelf("home").put(key, iter([b"x"]), 1)
    report = await run(house, remove_unrecorded=True)
    assert report.removed == []
    assert report.refused == [
        "3 of 5 files would go as unrecorded, more than half: look at them, then say "
        "--i-have-looked unrecorded"
    ]
    assert (await run(house, remove_unrecorded=True, looked=frozenset(["temporary"]))).removed == []
    report = await run(house, remove_unrecorded=True, looked=frozenset(["unrecorded"]))
    assert report.removed == keys


async def test_missing_and_damaged_ones_are_named_by_store_and_never_removed(house: House) -> None:
    one, two = await house.record(), await house.record()
    for file in await house.catalog.files(one):
        house.stores.shelf("shelf").put(file.key, house.stores.read(file), file.size)
        await house.catalog.moved(file, "shelf", "")
        await house.catalog.tidied((await house.catalog.files(one))[0], "home")
    first, _ = await house.catalog.files(one)
    house.stores.shelf("shelf").delete(first.key)
    (other, _) = await house.catalog.files(two)
    path = house.stores.path(other.key)
    raw = bytearray(path.read_bytes())
    raw[-1] ^= 1
    path.chmod(0o640)
    path.write_bytes(raw)
    report = await run(house, remove_unrecorded=True)
    assert report.missing == [f"shelf:{first.key}"]
    # One capture: the recording is a link to it, and spoilt with it.
    assert report.damaged == sorted(f.key for f in await house.catalog.files(two))
    quick = await run(house, sample=0.0)
    assert (quick.missing, quick.damaged, quick.hashed) == ([f"shelf:{first.key}"], [], 0)
    assert len(await house.catalog.files(one)) == 2
    assert path.exists()


async def test_a_store_that_is_away_is_told_once_and_nothing_is_missing(house: House) -> None:
    one = await house.record()
    for file in await house.catalog.files(one):
        house.stores.shelf("shelf").put(file.key, house.stores.read(file), file.size)
        await house.catalog.moved(file, "shelf", "")
    (house.root / "shelf").rename(house.root / "away")
    (house.root / "shelf").write_bytes(b"its disk is not there")
    report = await run(house)
    assert report.missing == []
    assert len(report.refused) == 1
    assert report.refused[0].startswith("store shelf could not be looked at")


async def test_what_comes_back_of_a_deleted_recording_goes(house: House) -> None:
    one, _ = await house.record(), await house.record()
    (segment,) = [f for f in await house.catalog.files(one) if f.number]
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=31)
    await house.eraser.purge_due()
    back = write(house.spool / segment.key, wav_bytes(voice(800)))
    os.utime(back, (time.time() - 7200,) * 2)
    more = write(house.spool / segment.key.replace(".1.wav", ".2.wav"), wav_bytes(voice(800)))
    assert (await run(house, dry_run=True)).adopted == []
    assert back.exists()
    report = await run(house)
    assert back.exists(), "half of the spool and more: it is told first"
    assert "--i-have-looked erased" in report.refused[0]
    report = await run(house, looked=frozenset(["erased"]))
    assert len(report.erased) == 2
    assert not back.exists()
    assert not more.exists()
    detail = await house.catalog.recording(Scope(RED), one, trashed=True)
    assert detail is not None
    assert detail.row.media_state == MediaState.ERASED
