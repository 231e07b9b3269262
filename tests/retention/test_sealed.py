"""Deleting a sealed recording: its key goes first, then every copy, also the one in the cache."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.config.storage import LocalStoreConfig, StorageConfig
from controller.engine.people import Scope
from controller.engine.shelving import SHREDDED
from controller.media.erasing import Eraser
from controller.media.errors import MediaError, SealingKeyError, StoreError
from controller.media.mover import Mover
from controller.media.seal_task import SealTask
from controller.media.shelves import Stores, make_stores
from tests.media.sealed import key_file, section

from .conftest import RED, House


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(
        StorageConfig(path=tmp_path / "home", cache_mib=100),
        [LocalStoreConfig(kind="local", name="shelf", path=tmp_path / "shelf", tenants=(RED,))],
        sealing=[section(key_file(tmp_path))],
    )


def cached(house: House) -> list[Path]:
    return [p for p in house.stores.cache.folder.rglob("*") if p.is_file()]


async def test_its_key_goes_first_even_if_a_store_is_away(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = await house.record(), await house.record()
    for recording_id in (one, other):
        await SealTask(house.catalog, house.stores).run(recording_id, lambda part: None)
    [place] = house.stores.destinations
    await Mover(house.catalog, house.stores).fill(place)
    copies = len(cached(house))
    assert copies == 2
    kept = await house.catalog.files(one)
    whole = b"".join(house.stores.read(kept[0]))
    house.eraser = Eraser(
        house.catalog, house.stores, {"fs": house.spool}, house.now, [house.stores.cache.forget]
    )
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    assert b"".join(house.stores.read((await house.catalog.files(one))[0])) == whole, "it is in the trash yet"
    house.at += timedelta(days=400)
    shelf = house.stores.shelf("shelf")
    with monkeypatch.context() as away:

        def gone(key: str) -> None:
            raise StoreError("the shelf is away")

        away.setattr(shelf, "delete", gone)
        purged = await house.eraser.purge_due()
        assert "the shelf is away" in purged.waiting[one]
    rows = await house.catalog.files(one)
    assert rows
    assert all(row.sealing.startswith(SHREDDED) for row in rows)
    for row in rows:
        with pytest.raises(SealingKeyError, match="was destroyed"):
            list(house.stores.read(row))
    assert (await house.eraser.purge_due()).done == [one]
    assert await house.catalog.files(one) == []
    assert not [name for name in house.lying() if one in name]
    assert len(cached(house)) == copies - 1
    for row in await house.catalog.files(other):
        assert house.stores.digest(row).sha256 == row.sha256


def test_a_cache_that_cannot_be_emptied_is_told(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: object) -> Iterator[None]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("controller.media.cache.shutil.rmtree", refuse)
    with pytest.raises(MediaError, match="make the folder writable"):
        house.stores.cache.forget("rec00001")
