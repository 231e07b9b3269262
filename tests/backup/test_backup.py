"""Backed up while others write, put back elsewhere: whole, verified; refused when it is not what it was."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from controller.backup import keybox, restoring
from controller.backup.errors import BackupError
from controller.backup.making import make
from controller.catalog import Database, SqlCatalog, dump_postgres, schema
from controller.catalog.dumping import DumpError
from controller.config import Config
from controller.core.errors import TapelineError
from controller.engine.reading import RecordingFilter, Scope
from controller.proof import running
from controller.proof.verdict import Anchor
from controller.proving import reader_of
from controller.working import open_catalog
from tests.proof.conftest import World

from .conftest import Places, configuration

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
PASSPHRASE = "correct horse battery"


def quiet(what: str, done: int, total: int) -> None:
    assert done <= total or not total, f"{what}: {done} of {total}"


def seal(keys: keybox.Keys) -> bytes:
    return keybox.seal_with_passphrase(keys, PASSPHRASE)


def opened(box: bytes) -> dict[str, bytes]:
    return keybox.open_with_passphrase(box, PASSPHRASE)


async def put_back(
    config: Config, folder: Path, *, keys: restoring.Open | None = opened, replace: bool = False
) -> list[str]:
    found, _ = restoring.inspect(folder, None, quiet)
    return await restoring.put_back(config, folder, found, keys, replace=replace, at=NOW, told=quiet)


async def verified(config: Config, folder: Path) -> list[str]:
    """What verification complains about, with the anchors of the backup."""
    anchors = [Anchor.read(a) for a in restoring.inspect(folder, None, quiet)[0].anchors]
    assert anchors
    async with open_catalog(config) as catalog:
        verdict = await running.verify_catalog(catalog, reader_of(config), anchors=anchors)
        return [] if verdict.sound else list(verdict.lines())


async def test_under_load_everything_of_that_moment_is_there_and_sound(world: World, places: Places) -> None:
    for number in range(20):
        await world.recording(f"old{number}", "acme.test" if number % 2 else "other.test")
    await world.sealer().drain()
    written = 0

    async def write() -> None:
        nonlocal written
        while True:
            await world.recording(f"new{written}")
            await world.heard(f"new{written}")
            written += 1
            if written % 5 == 0:
                await world.sealer().drain()

    load = asyncio.ensure_future(write())
    while written < 3:
        await asyncio.sleep(0.01)
    backup = places.folder / "backup"
    shutil.copytree(places.old.storage.path, places.fresh.storage.path)
    before = written
    made = await make(places.old, backup, seal, NOW, quiet)
    during = written - before
    while written < before + during + 3:  # more is written that the backup must not hold
        await asyncio.sleep(0.01)
    load.cancel()
    with suppress(asyncio.CancelledError):
        await load
    shutil.copytree(places.old.storage.path, places.fresh.storage.path, dirs_exist_ok=True)

    assert await put_back(places.fresh, backup) == [
        "proof.key_file", "sealing.everybody.key_file", "web.secret_file",
    ]  # fmt: skip
    async with open_catalog(places.fresh) as catalog:
        async with catalog.database.reading() as connection:
            counts = {
                table: (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
                for table in made.counts
            }
            assert await connection.run_sync(schema.differences) == []
        assert counts == made.counts
        assert 23 <= counts["recordings"] < 20 + written
        found = await catalog.recordings(Scope(None), RecordingFilter(), limit=200)
        assert len(found.items) == counts["recordings"]
    assert await verified(places.fresh, backup) == []
    for setting in ("web/secret_file", "proof/key_file"):
        section, name = setting.split("/")
        old, new = (getattr(getattr(c, section), name) for c in (places.old, places.fresh))
        assert new.read_bytes() == old.read_bytes()
        assert new.stat().st_mode & 0o777 == 0o600


async def test_it_goes_on_where_it_was_put_back(world: World, places: Places) -> None:
    """Ids that the database gives are not given twice, and the chain goes on under the same key."""
    await world.recording("r1")
    await world.heard("r1")
    await world.sealer().drain()
    await make(places.old, places.folder / "backup", seal, NOW, quiet)
    shutil.copytree(places.old.storage.path, places.fresh.storage.path)
    await put_back(places.fresh, places.folder / "backup")
    async with open_catalog(places.fresh) as catalog:
        again = World(catalog, world.store, places.fresh.proof.key_file, world.clock)
        catalog._now = again.now
        await again.heard("r1")
        assert await again.sealer().drain() >= 1
    assert await verified(places.fresh, places.folder / "backup") == []


@pytest.mark.parametrize("kind", [pytest.param("postgresql", marks=pytest.mark.postgres)])
@pytest.mark.parametrize("why", ["missing", "too old"])
async def test_without_a_fitting_pg_dump_the_tables_are_copied(
    world: World, places: Places, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = shutil.which
    if why == "missing":
        monkeypatch.setattr(dump_postgres.shutil, "which", lambda n: None if n == "pg_dump" else find(n))
    else:
        old = places.folder / "pg_dump"
        old.write_text(
            "#!/bin/sh\necho 'pg_dump: error: aborting because of server version mismatch' >&2; exit 1\n"
        )
        old.chmod(0o755)
        monkeypatch.setattr(dump_postgres.shutil, "which", lambda n: str(old) if n == "pg_dump" else find(n))
    for number in range(7):
        await world.recording(f"r{number}")
        await world.heard(f"r{number}")
    await world.sealer().drain()
    made = await make(places.old, places.folder / "backup", seal, NOW, quiet)
    assert made.way == "copy"
    shutil.copytree(places.old.storage.path, places.fresh.storage.path)
    await put_back(places.fresh, places.folder / "backup")
    assert await verified(places.fresh, places.folder / "backup") == []
    async with open_catalog(places.fresh) as catalog, catalog.database.reading() as connection:
        for table, number in made.counts.items():
            found = (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()
            assert found == number, table
    async with open_catalog(places.fresh) as catalog:  # numbers go on behind those that are there
        again = World(catalog, world.store, places.fresh.proof.key_file, world.clock)
        catalog._now = again.now
        await again.heard("r1")


async def test_an_older_schema_is_brought_up(world: World, database: Database, places: Places) -> None:
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0012")
    made = await make(places.old, places.folder / "backup", None, NOW, quiet)
    assert made.revision == "0012"
    await put_back(places.fresh, places.folder / "backup", keys=None)
    async with open_catalog(places.fresh) as catalog, catalog.database.reading() as connection:
        assert await connection.run_sync(schema.differences) == []


async def test_a_newer_schema_is_refused_before_anything_is_touched(world: World, places: Places) -> None:
    async with world.catalog.database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await make(places.old, places.folder / "backup", None, NOW, quiet)
    with pytest.raises(BackupError, match=r"schema \(9999\) is of a newer version"):
        await put_back(places.fresh, places.folder / "backup", keys=None)


async def test_what_is_there_is_not_overwritten_by_chance(world: World, places: Places) -> None:
    await world.recording("r1")
    await world.sealer().drain()
    backup = places.folder / "backup"
    await make(places.old, backup, seal, NOW, quiet)
    with pytest.raises(BackupError, match="there already"):
        await make(places.old, backup, seal, NOW, quiet)
    await put_back(places.fresh, backup)
    with pytest.raises(DumpError, match="holds a catalog already: nothing was changed"):
        await put_back(places.fresh, backup)
    places.fresh.proof.key_file.write_bytes(b"another key")
    with pytest.raises(BackupError, match=r"proof\.key_file: .* holds another key: nothing was changed"):
        await put_back(places.fresh, backup)
    assert await put_back(places.fresh, backup, replace=True) == ["proof.key_file"]
    kept = list(places.fresh.proof.key_file.parent.glob("proof.key.before-*"))
    assert [k.read_bytes() for k in kept] == [b"another key"]
    async with open_catalog(places.fresh) as catalog:
        assert len((await catalog.recordings(Scope(None), RecordingFilter())).items) == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def lie(path: Path) -> None:
    """Another hash in the list, which its signature does not cover."""
    whole = json.loads(path.read_text())
    whole["manifest"] = whole["manifest"].replace('"revision": "', '"revision": "0')
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize(
    ("harm", "which", "said"),
    [
        (cut, "catalog.*", r"catalog\.\w+ has \d+ bytes instead of \d+: it was cut off"),
        (flip, "catalog.*", r"catalog\.\w+ was changed"),
        (Path.unlink, "catalog.*", r"catalog\.\w+ is missing"),
        (cut, "keys.sealed", r"keys\.sealed has \d+ bytes"),
        (flip, "keys.sealed", r"keys\.sealed was changed"),
        (cut, "manifest.json", r"manifest\.json is damaged"),
        (lie, "manifest.json", r"manifest\.json was changed: its signature"),
        (Path.unlink, "manifest.json", r"is no backup"),
    ],
)
async def test_a_damaged_backup_is_refused_by_name(
    world: World, places: Places, harm: Callable[[Path], None], which: str, said: str
) -> None:
    await world.recording("r1")
    backup = places.folder / "backup"
    await make(places.old, backup, seal, NOW, quiet)
    (path,) = backup.glob(which)
    harm(path)
    with pytest.raises(BackupError, match=said):
        await put_back(places.fresh, backup)
    assert not places.fresh.proof.key_file.exists()


async def test_it_is_signed_by_the_key_that_one_trusts(world: World, places: Places) -> None:
    await make(places.old, places.folder / "backup", None, NOW, quiet)
    ours = world.keys().current.public
    assert restoring.inspect(places.folder / "backup", ours, quiet)[1] == ours
    with pytest.raises(BackupError, match="not by the key that you trust"):
        restoring.inspect(places.folder / "backup", "0" * 64, quiet)


async def test_it_belongs_to_its_kind_of_database(world: World, places: Places, kind: str) -> None:
    await make(places.old, places.folder / "backup", None, NOW, quiet)
    url = {"sqlite": "postgresql+asyncpg://nobody@127.0.0.1:9/x"}.get(
        kind, f"sqlite+aiosqlite:///{places.folder}/x"
    )
    with pytest.raises(DumpError, match="restore it into one of its own kind"):
        await put_back(configuration(url, places.folder / "other"), places.folder / "backup", keys=None)


async def test_nothing_half_made_is_left(
    world: World, places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(keys: keybox.Keys) -> bytes:
        raise BackupError("no")

    with pytest.raises(TapelineError):
        await make(places.old, places.folder / "backup", broken, NOW, quiet)
    assert not list(places.folder.glob("backup*"))


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_catalog_in_use_is_not_replaced(
    world: World, places: Places, catalog: SqlCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.recording("r1")
    backup = places.folder / "backup"
    await make(places.old, backup, None, NOW, quiet)
    async with catalog.database.writing() as connection:
        await connection.execute(text("UPDATE calls SET talk_ms = talk_ms"))
        with pytest.raises(DumpError, match=r"in use|locked"):
            await put_back(places.old, backup, keys=None, replace=True)
    assert len((await catalog.recordings(Scope(None), RecordingFilter())).items) == 1
