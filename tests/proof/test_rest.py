"""The API and the page of a recording tell where it is sealed, to those who may see it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from controller.proof import signing
from controller.proof.sealer import Sealer
from controller.proof.signing import ENTRY, verified
from tests.web.conftest import password_hash, populated, world
from tests.web.world import World

__all__ = ["password_hash", "populated", "world"]


async def test_where_a_recording_is_sealed(world: World, tmp_path: Path) -> None:
    path = f"/api/v1/recordings/{world.recordings['red']}/proof"
    async with world.client("red-admin") as client:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "not sealed yet" in answer.text
    sealer = Sealer(world.catalog, lambda: signing.load(tmp_path / "proof.key"), lambda: world.story.at)
    assert await sealer.drain() > 2
    row = await world.catalog.chain_about("red.example", world.recordings["red"])
    async with world.client("red-admin") as client:
        seal = (await client.get(path)).json()
    assert (seal["number"], seal["hash"]) == (row[-1].number, row[-1].hash)
    digest = hashlib.sha256(row[-1].header.encode()).digest()
    assert verified(seal["key"], ENTRY, digest, seal["signature"])
    async with world.client("blue-admin") as client:
        assert (await client.get(path)).status_code == 404
    async with world.client("red-101") as client:  # who took part
        assert (await client.get(path)).status_code == 200
    async with world.client() as client:
        assert (await client.get(path)).status_code == 401
    async with world.browser("red-admin") as browser:
        page = (await browser.get(f"/recordings/{world.recordings['red']}")).text
    assert f"Sealed: entry {seal['number']}, hash</span> <code>{seal['hash']}</code>" in page


async def test_a_shared_call_tells_each_tenant_its_own_half(world: World, tmp_path: Path) -> None:
    """Red's 101 called blue's 201: what is sealed for the one names nobody of the other."""
    sealer = Sealer(world.catalog, lambda: signing.load(tmp_path / "proof.key"), lambda: world.story.at)
    await sealer.drain()
    for mine, other in (("red.example", "blue.example"), ("blue.example", "red.example")):
        rows = await world.catalog.chain_after(mine, 0)
        assert len(rows) > 2
        assert any(world.calls["shared"] in row.content for row in rows) or mine == "blue.example"
        assert not [row.number for row in rows if other in row.content]
