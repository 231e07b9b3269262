"""Lists of recordings: numbers in any format, free words, orders; on SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import text

from controller.catalog import Database, SqlCatalog
from controller.engine.listing import Order, Stand, taken_apart
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import RecordingFilter, Scope
from controller.engine.retention import HoldRow

from .conftest import NOW
from .story import Story, inside, outside

RED = Scope("red.example")
EVERY = RecordingFilter()


async def filled(catalog: SqlCatalog) -> dict[str, str]:
    """The other party's number → the recording of red's."""
    story, calls = Story(), {}
    for number, seconds in (("+4930901820", 30), ("030901820", 20), ("004930777", 10), ("15551234567", 40)):
        calls[number] = story.talk(
            f"a{number}", inside("101"), f"b{number}", outside(number, f"Name {number[-3:]}"), seconds=seconds
        )
    story.talk("bl", inside("201", "blue.example"), "bl2", outside("+4930901820", "Blue's own"), seconds=5)
    await story.save(catalog)
    found = {}
    for number, call_id in calls.items():
        detail = await catalog.call(RED, call_id)
        assert detail is not None
        found[number] = detail.recordings[0].recording_id
    return found


async def seen(catalog: SqlCatalog, where: RecordingFilter, scope: Scope = RED) -> list[str]:
    return [row.recording_id for row in (await catalog.recordings(scope, where)).items]


@pytest.mark.parametrize("typed", ["+49 30 901820", "0049 30 90 18 20", "+49 (0)30 901820", "030 / 90 18-20"])
async def test_a_number_is_found_in_any_way_of_writing_it(catalog: SqlCatalog, typed: str) -> None:
    there = await filled(catalog)
    for where in (RecordingFilter(number=typed), RecordingFilter(party=typed), words(typed)):
        assert sorted(await seen(catalog, where)) == sorted([there["+4930901820"], there["030901820"]]), where


def words(typed: str) -> RecordingFilter:
    return RecordingFilter(words=taken_apart(typed).words)


async def test_free_words_look_everywhere_and_must_all_be_found(catalog: SqlCatalog) -> None:
    there = await filled(catalog)
    first = there["15551234567"]
    await catalog.add_tag(RED, first, "Very Important", "ann")
    await catalog.add_note(RED, first, "Refund PROMISED for Monday", "ann", "n1")
    for typed in ("555 1234567", "very", '"very important"', "promised", "name promised very", "567 refund"):
        assert await seen(catalog, words(typed)) == [first], typed
    assert await seen(catalog, words("promised nothing-at-all")) == []
    assert await seen(catalog, words("very"), Scope("blue.example")) == []
    # What another tenant calls the same number is not to be found by.
    assert await seen(catalog, words("blue's")) == []


@pytest.mark.parametrize(
    "typed", ['"', "%", "_", "'", "';--", '" OR "x', "AND", "a*", "\\", "x" * 500, "((((", "\u202e1"]
)
async def test_hostile_words_are_only_words(catalog: SqlCatalog, typed: str) -> None:
    await filled(catalog)
    for where in (words(typed), RecordingFilter(party=typed), RecordingFilter(number=typed)):
        assert len(await seen(catalog, where)) <= 4
    assert await seen(catalog, replace(words(typed), words=("%", "_"))) == []


async def test_the_trigram_index_follows_what_is_written(catalog: SqlCatalog, database: Database) -> None:
    """Found by the index alone: a call saved, its name changed, its leg gone."""
    there = await filled(catalog)
    assert await seen(catalog, RecordingFilter(party="name 820"))
    assert database.trigrams
    async with database.writing() as connection:
        await connection.execute(text("UPDATE legs SET search = 'zebra' WHERE number = '15551234567'"))
    assert await seen(catalog, RecordingFilter(party="zebra")) == [there["15551234567"]]
    async with database.writing() as connection:
        await connection.execute(text("DELETE FROM legs WHERE number = '15551234567'"))
    assert await seen(catalog, RecordingFilter(party="zebra")) == []


@pytest.mark.parametrize("order", list(Order))
async def test_every_order_by_key_holds_every_row_once(catalog: SqlCatalog, order: Order) -> None:
    there = await filled(catalog)
    for n, recording_id in enumerate(there.values()):
        for role in (FileRole.SEGMENT, FileRole.RENDITION):
            await catalog.add_file(
                StoredFile(
                    recording_id, role, 0, f"{recording_id}.{role}", "wav", 100 * (n % 3), "ab", 1, 1, 8000
                )
            )
        await catalog.set_media_state(recording_id, MediaState.AVAILABLE, duration_ms=1000 * (n % 2 + 1))
    rows, before = [], None
    while True:
        page = await catalog.recordings(RED, RecordingFilter(order=order), limit=1, before=before)
        rows += page.items
        before = page.next
        if before is None:
            break
    keys = [(r.started_at, r.duration_ms, r.size)[list(Order).index(order) // 2] for r in rows]
    assert len({r.recording_id for r in rows}) == len(there) == len(rows)
    assert keys == sorted(keys, reverse=order in (Order.NEWEST, Order.LONGEST, Order.LARGEST))
    assert {r.size for r in rows} == {0, 200, 400}
    with pytest.raises(ValueError, match="no page of this list"):
        await catalog.recordings(RED, RecordingFilter(order=order), before="bm9uZQ")


async def test_the_size_follows_the_files(catalog: SqlCatalog) -> None:
    recording_id = (await filled(catalog))["030901820"]
    file = StoredFile(recording_id, FileRole.RENDITION, 0, "k", "mp3", 700, "ab", 1, 1, 8000)
    for size in (700, 500):
        await catalog.add_file(replace(file, size=size))
        detail = await catalog.recording(RED, recording_id)
        assert detail is not None
        assert (detail.row.size, detail.row.format) == (size, "mp3")
    assert await seen(catalog, RecordingFilter(format="mp3")) == [recording_id]
    await catalog.forget_files(recording_id)
    assert (await catalog.recordings(RED, EVERY)).items[0].size == 0


async def test_by_user_tag_hold_and_state(catalog: SqlCatalog) -> None:
    there = await filled(catalog)
    held, named = there["004930777"], there["030901820"]
    assert len(await seen(catalog, RecordingFilter(user="101"))) == 4
    assert await seen(catalog, RecordingFilter(user="201")) == []
    await catalog.add_tag(RED, held, "vip", "ann")
    assert await seen(catalog, RecordingFilter(tag="vip")) == [held]
    assert await seen(catalog, RecordingFilter(tag="vip"), Scope("blue.example")) == []
    await catalog.put_hold(
        HoldRow("h1", "red.example", "Court", "case 1", "004930777", None, None, NOW, "ann")
    )
    await catalog.put_hold(HoldRow("h2", "red.example", "Named", "case 2", "", None, None, NOW, "ann"))
    await catalog.hold_recordings(RED, "h2", [named], "ann")
    assert sorted(await seen(catalog, RecordingFilter(held=True))) == sorted([held, named])
    rows = (await catalog.recordings(RED, EVERY)).items
    assert {r.recording_id: r.holds for r in rows if r.holds} == {held: ("Court",), named: ("Named",)}
    assert len(await seen(catalog, RecordingFilter(held=False))) == 2
    await catalog.lift_hold(RED, "h1", "ann", "over")
    assert await seen(catalog, RecordingFilter(held=True)) == [named]
    await catalog.set_media_state(held, MediaState.FAILED, error="no disk")
    assert await seen(catalog, RecordingFilter(stand=Stand.FAILED)) == [held]
    assert held not in await seen(catalog, RecordingFilter(stand=Stand.WORKING))
