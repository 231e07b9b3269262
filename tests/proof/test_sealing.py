"""Everything gets its entry exactly once, in one chain, whoever writes and whatever dies."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.engine.media_ports import FileRole, MediaState
from controller.engine.reading import AuditEntry, Scope
from controller.proof import signing
from controller.proof.chaincheck import ChainChecker, Line
from controller.proof.errors import KeyProblem

from .conftest import World


async def problems(world: World, tenant: str = "acme.test") -> list[str]:
    found: list[str] = []
    checker = ChainChecker(tenant, lambda where, what: found.append(f"{where}: {what}"))
    for row in await world.catalog.chain_after(tenant, 0, 100_000):
        checker.add(Line.of_row(row))
    checker.end()
    return found


async def test_what_is_recorded_heard_and_changed_is_sealed_once(world: World) -> None:
    await world.recording("r1")
    await world.recording("r2", state=MediaState.DISCARDED)
    await world.recording("r3", state=MediaState.EMPTY)
    await world.recording("running", state=MediaState.STORED)
    await world.heard("r1")
    await world.catalog.audit(AuditEntry(world.now(), "root", None, "setting", "system", "x: off → on"))
    assert await world.sealer().drain() == 7
    assert await world.sealer().drain() == 0
    rows = await world.catalog.chain_after("acme.test", 0)
    kinds = {r.number: (json.loads(r.content)["kind"], r.subject) for r in rows}
    assert kinds == {
        1: ("begin", "acme.test"), 2: ("access", "r1"), 3: ("recording", "r1"), 4: ("discard", "r2"),
        5: ("recording", "r3"),
    }  # fmt: skip
    facts = json.loads(rows[2].content)["payload"]
    assert [f["role"] for f in facts["files"]] == ["rendition", "segment"]
    [pause] = facts["pauses"]
    assert pause["asked_by"] == "101@acme.test"
    assert (pause["asked_at"], pause["effective_at"]) == (
        "2026-11-22T09:00:00.200000Z", "2026-11-22T09:00:00.250000Z",
    )  # fmt: skip
    assert await world.sources("") == ["begin", "audit:2"]
    assert await problems(world) == []
    assert await problems(world, "") == []


async def test_a_file_that_is_added_later_is_sealed_too(world: World) -> None:
    await world.recording("r1")
    sealer = world.sealer()
    assert await sealer.drain() == 2
    await world.add_file("r1", FileRole.RENDITION, 1, "acme.test/2026/11/22/r1.mp3")
    assert await sealer.drain() == 1
    assert await sealer.drain() == 0
    last = (await world.catalog.chain_about("acme.test", "r1"))[-1]
    assert len(json.loads(last.content)["payload"]["files"]) == 3


async def test_a_tenant_sees_its_own_seals_only(world: World) -> None:
    await world.recording("r1")
    await world.sealer().drain()
    row = await world.catalog.seal_of(Scope("acme.test"), "r1")
    assert row is not None
    assert row.number == 2
    assert await world.catalog.seal_of(Scope("other.test"), "r1") is None
    assert await world.catalog.seal_of(Scope("acme.test", "999"), "r1") is None


async def test_writers_at_once_make_one_chain(world: World, url: str) -> None:
    """Eight that all see the same things to be sealed, on connections of their own."""
    for n in range(40):
        await world.heard(f"r{n}")
    others = [await open_database(url) for _ in range(7)]
    try:
        worlds = [world, *(World(SqlCatalog(d, world.now), world.store, world.key_file) for d in others)]
        world.keys()
        made = await asyncio.gather(*(w.sealer().drain() for w in worlds))
    finally:
        for database in others:
            await database.close()
    assert sum(made) == 41
    assert sorted(await world.sources()) == sorted(["begin", *(f"audit:{n}" for n in range(1, 41))])
    assert await problems(world) == []


async def test_the_new_key_is_vouched_for_by_the_old(world: World) -> None:
    await world.heard("r1")
    await world.sealer().drain()
    old = world.keys().current.public
    new = await asyncio.to_thread(signing.rotate, world.key_file)
    assert await world.sealer().hand_over() == 1
    assert await world.sealer().hand_over() == 0
    await world.heard("r2")
    await world.sealer().drain()
    rows = await world.catalog.chain_after("acme.test", 0)
    keys = [json.loads(r.header)["key"] for r in rows]
    assert keys == [old, old, old, new.current.public]
    assert json.loads(rows[2].content)["payload"] == {"key": new.current.public}
    assert await problems(world) == []


async def test_a_lost_key_is_named_and_nothing_is_forked(world: World) -> None:
    await world.heard("r1")
    await world.sealer().drain()
    kept = world.key_file.read_bytes()
    world.key_file.unlink()
    await world.heard("r2")
    with pytest.raises(KeyProblem, match="put that key back"):
        await world.sealer().drain()
    world.key_file.write_bytes(kept)
    assert await world.sealer().drain() == 1
    assert await problems(world) == []


def test_the_key_file_is_for_its_owner_and_made_once(tmp_path: Path) -> None:
    file = tmp_path / "a/b/proof.key"
    public = signing.load(file).current.public
    assert file.stat().st_mode & 0o777 == 0o600
    assert signing.load(file).current.public == public
    assert [p.name for p in file.parent.iterdir()] == ["proof.key"]
    file.chmod(0o644)
    with pytest.raises(KeyProblem, match="chmod 600"):
        signing.load(file)


def test_a_key_may_come_from_a_command(tmp_path: Path) -> None:
    file = tmp_path / "proof.key"
    public = signing.load(file).current.public
    assert signing.load(tmp_path / "not", ("cat", str(file))).current.public == public
    assert not (tmp_path / "not").exists()
    with pytest.raises(KeyProblem, match="status"):
        signing.load(file, ("false",))
    with pytest.raises(KeyProblem, match="no private key"):
        signing.load(file, ("echo", "x"))
    for text in (public, public.upper(), signing.public_pem(public)):
        assert signing.read_public(text) == public
    with pytest.raises(KeyProblem):
        signing.read_public("ab" * 31)
