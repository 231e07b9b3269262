"""The running system against its chains: whatever somebody does to rows or files behind our back is named."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from controller.engine.media_ports import MediaState
from controller.engine.reading import AuditEntry
from controller.proof.running import verify_catalog
from controller.proof.verdict import Anchor

from .conftest import World

SEGMENT = "acme.test/2026/11/22/r1.1.wav"


async def findings(world: World, **options: Any) -> list[str]:
    return [str(f) for f in (await verify_catalog(world.catalog, world.read, **options)).findings]


async def sql(world: World, *statements: str) -> None:
    async with world.catalog.database.writing() as connection:
        for statement in statements:
            await connection.execute(text(statement))


@pytest.fixture
async def sealed(world: World) -> World:
    await world.recording("r1")
    await world.recording("r2")
    await world.recording("thrown", state=MediaState.DISCARDED)
    await world.sealer().drain()
    await world.heard("r1")
    await world.sealer().drain()
    assert await findings(world) == []
    return world


STATEMENTS = {
    "UPDATE recordings SET reason = 'x' WHERE recording_id = 'r1'":
        "recording r1: the catalog says something else about reason than entry 2",
    "UPDATE pauses SET asked_by = 'nobody' WHERE recording_id = 'r1'": "something else about pauses",
    "UPDATE files SET sha256 = 'x' WHERE recording_id = 'r1' AND role = 'segment'": "else about files",
    "DELETE FROM files WHERE recording_id = 'r1' AND role = 'segment'":
        "recording r1, segment 1: entry 2 seals it, the catalog does not know it",
    "DELETE FROM chain WHERE number = 3": "entry 3: missing: entry 4 follows entry 2",
    "DELETE FROM chain WHERE number = 1": "entry 1: missing",
    "UPDATE chain SET content = replace(content, 'r2', 'r9') WHERE number = 3": "entry 3: what it says was",
    "UPDATE chain SET content = 'x' WHERE number = 3": "entry 3: cannot be read",
    "UPDATE chain SET content = '' WHERE number = 3": "entry 3: what it says was removed",
    "UPDATE chain SET header = replace(header, '2026', '2025') WHERE number = 2": "entry 2: its signature",
    "UPDATE chain SET subject = 'r9' WHERE number = 3": "entry 3: the table says that it is",
    "UPDATE chain SET hash = 'x' WHERE number = 3": "entry 3: its number or hash in the table",
    "UPDATE chain SET number = 9 WHERE number = 3": "entry 3: missing",
    "UPDATE chain SET tenant = 'blue.test' WHERE number = 5": "it belongs to another chain",
}  # fmt: skip


@pytest.mark.parametrize("statement", STATEMENTS)
async def test_rows_changed_behind_our_back(sealed: World, statement: str) -> None:
    await sql(sealed, statement)
    found = await findings(sealed)
    assert any(STATEMENTS[statement] in f for f in found), found


async def test_files_changed_or_gone(sealed: World) -> None:
    path = sealed.store.path(SEGMENT)
    whole = path.read_bytes()
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert any(f"{SEGMENT} was changed" in f for f in await findings(sealed))
    path.unlink()
    assert any(f"{SEGMENT} cannot be read" in f for f in await findings(sealed))


GONE = [f"DELETE FROM {table} WHERE recording_id = 'r1'" for table in ("files", "recordings")]


async def test_a_recording_is_gone_with_or_without_a_trace(sealed: World) -> None:
    await sql(sealed, *GONE)
    found = await findings(sealed)
    assert any("recording r1: entry 2 seals it, the catalog does not have it" in f for f in found), found
    note = AuditEntry(sealed.now(), "root", "acme.test", "recording deleted", "recording r1")
    await sealed.catalog.audit(note)
    await sealed.sealer().drain()
    assert await findings(sealed) == []


async def test_only_an_anchor_notices_an_end_cut_off(sealed: World) -> None:
    head = await sealed.catalog.chain_head("acme.test")
    assert head is not None
    anchor = Anchor("acme.test", head.number, head.hash)
    assert await findings(sealed, anchors=[anchor]) == []
    # Whoever may change the schema can do that too; nobody else, since the audit only grows.
    with pytest.raises(DBAPIError, match="the audit only grows"):
        await sql(sealed, "DELETE FROM audit")
    guard = "audit_no_delete" if sealed.catalog.database.sqlite else "audit_only_grows ON audit"
    await sql(sealed, f"DROP TRIGGER {guard}", "DELETE FROM chain WHERE number = 5", "DELETE FROM audit")
    assert await findings(sealed) == []
    assert any("its end was cut off" in f for f in await findings(sealed, anchors=[anchor]))
    await sql(sealed, "DELETE FROM chain")
    assert any("there is no chain" in f for f in await findings(sealed, anchors=[anchor]))


async def test_a_chain_of_another_key_is_not_that_of_the_trusted_one(sealed: World) -> None:
    assert await findings(sealed, key=sealed.keys().current.public) == []
    assert any("none of it is signed" in f for f in await findings(sealed, key="ab" * 32))
