"""What was given up or lies in the trash does not keep the rest from being compared, running and offline."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from controller.engine.media_ports import FileRole, MayGo
from controller.engine.people import Scope
from controller.proof import sealer
from controller.proof.bundle_check import verify_bundle
from controller.proof.running import verify_catalog

from .bundles import Parts, export
from .conftest import World
from .test_running import GONE, sql

SEGMENT, MP3 = "acme.test/2026/11/22/r1.1.wav", "acme.test/2026/11/22/r1.mp3"
ACME = Scope("acme.test")


def flip(file: Path) -> None:
    raw = file.read_bytes()
    file.write_bytes(raw[:-1] + bytes([raw[-1] ^ 1]))


async def give_up(world: World) -> None:
    """The original goes, because there is an MP3; nothing was sealed in between."""
    await world.add_file("r1", FileRole.ENCODED, 0, MP3)
    going = [f for f in await world.catalog.files("r1") if f.key != MP3]
    assert await world.catalog.give_up("r1", going, "MP3 is kept") is MayGo.YES
    for file in going:
        world.store.path(file.key).unlink()
    await world.catalog.gave_up("r1", await world.catalog.files("r1"))


async def trash_and_restore(world: World) -> None:
    assert (await world.catalog.trash(ACME, ["r1"], "root", "by mistake")).done == ["r1"]
    assert await world.catalog.restore(ACME, "r1", "root")


async def trash(world: World) -> None:
    assert (await world.catalog.trash(ACME, ["r1"], "root", "not needed")).done == ["r1"]


async def taken_back(world: World) -> None:
    """The redacted rendition goes, because nothing is taken out any more."""
    await world.add_file("r1", FileRole.REDACTED, 0, MP3)
    (going,) = [f for f in await world.catalog.files("r1") if f.key == MP3]
    await world.sealer().drain()
    assert await world.catalog.begin_unredacted(going)
    # Told of before it is gone, and by itself: nothing else may be absent because of it.
    await world.sealer().drain()
    world.store.path(MP3).unlink()
    assert await findings(world) == []
    await world.catalog.end_unredacted("r1")


Deed = Callable[[World], Awaitable[None]]
DEEDS: dict[str, tuple[Deed, str]] = {
    "given up": (give_up, MP3), "taken back": (taken_back, SEGMENT),
    "restored": (trash_and_restore, SEGMENT), "in the trash": (trash, SEGMENT),
}  # fmt: skip


async def findings(world: World) -> list[str]:
    return [str(f) for f in (await verify_catalog(world.catalog, world.read)).findings]


@pytest.fixture(params=[True, False], ids=["sealed before", "in one batch"])
async def recorded(world: World, request: pytest.FixtureRequest) -> World:
    await world.recording("r1")
    if request.param:
        await world.sealer().drain()
    return world


@pytest.mark.parametrize("name", DEEDS)
async def test_what_stays_is_compared(recorded: World, name: str) -> None:
    deed, staying = DEEDS[name]
    await deed(recorded)
    await recorded.sealer().drain()
    assert await findings(recorded) == []
    file = recorded.store.path(staying)
    flip(file)
    assert any(f"{staying} was changed" in f for f in await findings(recorded))
    file.unlink()
    assert any(f"{staying} cannot be read" in f for f in await findings(recorded))


@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("kind", ["sqlite"])
async def test_what_stays_is_compared_offline(recorded: World, name: str, tmp_path: Path) -> None:
    deed, staying = DEEDS[name]
    await deed(recorded)
    whole = verify_bundle(await export(recorded, tmp_path / "whole.zip", "r1"))
    assert whole.sound
    assert not any("deletion" in note for note in whole.notes)
    file = recorded.store.path(staying)
    flip(file)
    changed = verify_bundle(await export(recorded, tmp_path / "changed.zip", "r1"))
    assert any("it was changed: its SHA-256" in str(f) for f in changed.findings)
    file.unlink()
    missing = verify_bundle(await export(recorded, tmp_path / "missing.zip", "r1"))
    assert any("it is missing; entry" in str(f) for f in missing.findings)
    assert not any("tells of its deletion" in note for note in missing.notes)


async def test_only_what_an_entry_names_may_be_absent_before_it_is_sealed_anew(world: World) -> None:
    await world.recording("r1")
    await world.add_file("r1", FileRole.ENCODED, 0, MP3)
    await world.sealer().drain()
    going = [f for f in await world.catalog.files("r1") if f.key != MP3]
    await world.catalog.give_up("r1", going, "MP3 is kept")
    await world.sealer().drain()
    assert await findings(world) == []
    for file in going:
        world.store.path(file.key).unlink()
    assert await findings(world) == []
    world.store.path(MP3).unlink()
    assert any(f"{MP3} cannot be read" in f for f in await findings(world))


async def test_a_recording_without_a_row_is_missed_though_it_lay_in_the_trash(world: World) -> None:
    await world.recording("r1")
    await trash(world)
    await world.sealer().drain()
    await sql(world, "DELETE FROM deletions WHERE recording_id = 'r1'", *GONE)
    assert any("the catalog does not have it" in f for f in await findings(world))


async def test_lines_come_before_the_recordings_that_they_are_about(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if there are more of them than one look reads."""
    monkeypatch.setattr(sealer, "BATCH", 3)
    await world.recording("r1")
    for n in range(7):
        await world.heard(f"x{n}")
    await give_up(world)
    await world.sealer().drain()
    subjects = [row.source.partition(":")[0] for row in await world.catalog.chain_after("acme.test", 0)]
    assert subjects == ["begin", *["audit"] * 8, "recording"]
    assert await findings(world) == []


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_an_older_deletion_excuses_nothing(world: World, tmp_path: Path) -> None:
    """The recording was sealed whole after the entry that told of the end."""
    await world.heard("r1", action="purge recording")
    await world.sealer().drain()
    await world.recording("r1")
    path = await export(world, tmp_path / "b.zip", "r1")
    parts = Parts.of(path)
    parts.files = [(n, raw) for n, raw in parts.files if not n.endswith("segment-1.wav")]
    parts.sign(world.keys().current)
    found = [str(f) for f in verify_bundle(parts.write(tmp_path / "cut.zip")).findings]
    assert any("segment-1.wav: it is missing; entry" in f for f in found), found


async def test_a_file_that_was_made_again_is_sealed_as_it_is(world: World) -> None:
    """Another span was taken out, say: the redacted rendition is another one, in the same place."""
    await world.recording("r1")
    await world.add_file("r1", FileRole.REDACTED, 0, MP3)
    await world.sealer().drain()
    await world.add_file("r1", FileRole.REDACTED, 0, MP3)
    await world.sealer().drain()
    assert await findings(world) == []
