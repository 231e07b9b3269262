"""The trash and the purge: hidden, restored, gone; killed at every step; nothing of anybody else's."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from controller.catalog import SqlCatalog
from controller.core.options import TenantOptions
from controller.engine.crash_points import ERASE_POINTS, arm
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import RecordingFilter, Scope, TenantSettings
from tests.media.test_crash_points import Killed, at, die

from .conftest import ADA, BLUE, RED, House

ALL = RecordingFilter()


async def listed(catalog: SqlCatalog, tenant: str) -> list[str]:
    return [row.recording_id for row in (await catalog.recordings(Scope(tenant), ALL)).items]


async def actions(catalog: SqlCatalog, tenant: str) -> list[str]:
    return [line.action for line in await catalog.audit_entries(Scope(tenant))]


async def test_hidden_from_every_list_and_whole_until_its_time_is_over(house: House) -> None:
    one, two = await house.record(), await house.record()
    before = house.lying()
    result = await house.catalog.trash(Scope(RED), [one], "ada", "asked for", "127.0.0.1")
    assert (result.done, result.refused) == ([one], {})
    assert await listed(house.catalog, RED) == [two]
    assert await house.catalog.recording(Scope(RED), one) is None
    assert await house.catalog.recording(Scope(None), one) is None
    assert await house.catalog.recording(Scope(RED, ADA), one) is None
    (row,) = (await house.catalog.trash_page(Scope(RED))).items
    assert row.deletion is not None
    assert (row.recording_id, row.deletion.by, row.deletion.why) == (one, "ada", "asked for")
    assert (row.deletion.purge_at - house.at).days == 30
    assert (await house.catalog.trash_page(Scope(RED, ADA))).items == ()
    assert (await house.catalog.trash_page(Scope(BLUE))).items == ()
    assert row.trace == "deleted: asked for"
    house.later(days=29)
    assert (await house.eraser.purge_due()).done == []
    assert house.lying() == before
    # In the CDR it is told of, not offered.
    call = await house.catalog.call(Scope(RED), row.call_id)
    assert call is not None
    assert (call.row.recordings, call.row.not_kept) == (0, 1)
    assert [r.trace for r in call.recordings] == ["deleted: asked for"]


async def test_restored_it_is_as_before_and_sealed_anew(house: House) -> None:
    one = await house.record()
    before = await house.catalog.recording(Scope(RED), one)
    assert (await house.verified()).sound
    await house.catalog.trash(Scope(RED), [one], "ada", "a mistake")
    assert (await house.verified()).sound
    assert not await house.catalog.restore(Scope(BLUE), one, "carl")
    assert not await house.catalog.restore(Scope(RED, ADA), one, "ada")
    house.later(days=1)
    assert await house.catalog.restore(Scope(RED), one, "ada")
    assert await house.catalog.recording(Scope(RED), one) == before
    assert not await house.catalog.restore(Scope(RED), one, "ada")
    assert (await house.verified()).sound
    # From here on its files are looked at again.
    assert before is not None
    assert before.playable is not None
    house.stores.home.delete(before.playable.key)
    assert not (await house.verified()).sound
    assert (await actions(house.catalog, RED))[:2] == ["restore recording", "trash recording"]


async def test_after_its_time_only_the_trace_is_left(house: House) -> None:
    one, other = await house.record(), await house.record(BLUE)
    blues = [name for name in house.lying() if BLUE in name]
    assert (await house.verified()).sound
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=31)
    assert not await house.catalog.restore(Scope(RED), one, "ada"), "its time is over"
    assert (await house.eraser.purge_due()).done == [one]
    assert house.lying() == blues
    assert house.forgotten == [one]
    detail = await house.catalog.recording(Scope(RED), one, trashed=True)
    assert detail is not None
    assert (detail.files, detail.row.media_state) == ((), str(MediaState.ERASED))
    assert detail.row.parties, "the tombstone says who it was, but for an erasure"
    assert (await house.verified()).sound
    row = (await house.catalog.recording(Scope(RED), one, trashed=True)).row  # type: ignore[union-attr]
    assert row.deletion is not None
    assert row.deletion.state == "purged"
    kinds = [json.loads(line.content)["kind"] for line in await house.catalog.chain_about(RED, one)]
    assert kinds == ["recording", "trash", "deletion"]
    assert await listed(house.catalog, BLUE) == [other]
    assert (await house.eraser.purge_due()).done == []


async def test_somebody_who_removes_more_than_was_said_is_found(house: House) -> None:
    one, two = await house.record(), await house.record()
    assert (await house.verified()).sound
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=31)
    await house.eraser.purge_due()
    assert (await house.verified()).sound
    await house.catalog.forget_files(two)
    faults = (await house.verified()).findings
    assert faults
    assert all(two in str(fault) for fault in faults)


@pytest.mark.parametrize("name", [*ERASE_POINTS, ""])
async def test_killed_at_any_step_the_rest_is_done_the_next_time(
    house: House, name: str, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    one, kept = await house.record(), await house.record(BLUE)
    for file in await house.catalog.files(one):
        # Moved, and killed before the old copy was removed.
        assert await house.catalog.moved(file, "shelf", "")
        shelf = house.stores.shelf("shelf")
        shelf.put(file.key, house.stores.shelf("home").read(file.key), file.size)
    stray = (await house.catalog.files(one))[0].key.replace(".wav", ".mp3")
    house.stores.shelf("shelf").put(stray, iter([b"made, and killed before its row"]), 31)
    late = house.spool / (await house.catalog.files(one))[-1].key
    late.parent.mkdir(parents=True, exist_ok=True)
    late.write_bytes(b"a rest in the spool")
    blues = [x for x in house.lying() if BLUE in x]
    assert len(house.lying()) > len(blues) + 5
    assert (await house.verified()).sound
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=31)
    if name:
        for _ in range(2):
            at_crash_point(at(name, 1, die))
            try:
                await house.eraser.purge_due()
                await house.sealer().drain()
                await house.eraser.trace_due()
            except Killed:
                pass
    arm(None)
    await house.eraser.purge_due()
    assert house.lying() == blues
    assert (await house.verified()).sound
    assert await house.catalog.files(one) == []
    assert (await actions(house.catalog, RED)).count("purge recording") == 1
    assert len(await house.catalog.files(kept)) == 2
    # Nothing brings it back: no late file, no task that was under way.
    assert not await house.catalog.reopen(one, "late")
    await house.catalog.set_media_state(one, MediaState.AVAILABLE)
    with pytest.raises(Exception, match="was deleted"):
        await house.catalog.add_file(
            StoredFile(one, FileRole.ENCODED, 0, stray, "mp3", 1, "ab" * 32, 1, 1, 8000)
        )
    assert await house.catalog.due() == []


async def test_what_cannot_be_deleted_now_is_refused_with_its_reason(house: House) -> None:
    one, working = await house.record(), await house.record(work=False)
    result = await house.catalog.trash(Scope(RED), [one, working, "nothing"], "ada", "old")
    assert result.done == [one]
    assert "worked on" in result.refused[working]
    assert result.refused["nothing"] == "there is no such recording"
    again = await house.catalog.trash(Scope(RED), [one], "ada", "old")
    assert again.refused == {one: "it is in the trash already"}
    foreign = await house.catalog.trash(Scope(BLUE), [working], "carl", "mine")
    assert foreign.refused == {working: "there is no such recording"}


async def test_a_tenant_without_a_trash_and_an_emptied_one(house: House) -> None:
    await house.catalog.set_tenant(TenantSettings(RED, options=TenantOptions(trash_days=0)))
    one = await house.record()
    two = await house.record(BLUE)
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    await house.catalog.trash(Scope(BLUE), [two], "carl", "old")
    assert not await house.catalog.restore(Scope(RED), one, "ada")
    assert await house.catalog.purge_now(Scope(RED), two, "ada") == "it is not in the trash"
    assert (await house.eraser.purge_due()).done == [one]
    assert await house.catalog.purge_now(Scope(BLUE), two, "carl") == ""
    assert (await house.eraser.purge_due()).done == [two]
    assert house.lying() == []


async def test_a_store_that_is_away_is_waited_for_and_told(house: House) -> None:
    one = await house.record()
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=31)
    root = house.root / "shelf"
    root.write_bytes(b"no folder: its disk is not there")
    result = await house.eraser.purge_due()
    assert result.done == []
    assert "shelf" in result.waiting[one]
    (row,) = (await house.catalog.trash_page(Scope(RED))).items
    assert row.deletion is not None
    assert (row.deletion.state, row.deletion.error) == ("purging", result.waiting[one])
    assert not await house.catalog.restore(Scope(RED), one, "ada")
    root.unlink()
    assert (await house.eraser.purge_due()).done == [one]
    assert (await house.catalog.trash_page(Scope(RED))).items == ()


async def test_nobody_purges_it_before_its_time(house: House) -> None:
    """Whoever calls the purge itself, as the command line does, is held to the same time."""
    one = await house.record()
    before = house.lying()
    await house.catalog.trash(Scope(RED), [one], "ada", "old")
    house.later(days=29)
    assert not await house.eraser.purge(one)
    assert house.lying() == before
    assert await house.catalog.restore(Scope(RED), one, "ada")
    house.later(days=31)
    assert not await house.eraser.purge(one)
    assert house.lying() == before
