"""A purge killed with -9 at each of its steps, on SQLite and PostgreSQL, and done by the next process."""

from __future__ import annotations

import asyncio
import signal

import pytest

from controller.engine.crash_points import ERASE_POINTS
from controller.engine.reading import Scope

from .conftest import BLUE, OUTSIDE, RED, House
from .dying import start


async def killed(house: House, url: str, point: str) -> None:
    process = start(url, house.root, house.at, point)
    await asyncio.to_thread(process.join, 60)
    assert process.exitcode == -signal.SIGKILL, f"it ended with {process.exitcode} and never came to {point}"


async def scattered(house: House, recording_id: str) -> None:
    """Its files lie at home and in the other store; a rest that no row knows, another in the spool."""
    shelf = house.stores.shelf("shelf")
    for file in await house.catalog.files(recording_id):
        assert await house.catalog.moved(file, "shelf", "")
        shelf.put(file.key, house.stores.shelf("home").read(file.key), file.size)
    key = (await house.catalog.files(recording_id))[-1].key
    shelf.put(key.replace(".wav", ".mp3"), iter([b"made, and killed before its row"]), 31)
    (house.spool / key).parent.mkdir(parents=True, exist_ok=True)
    (house.spool / key).write_bytes(b"a rest in the spool")


@pytest.mark.parametrize("point", ERASE_POINTS)
@pytest.mark.parametrize("erasure", [False, True], ids=["purge", "erasure"])
async def test_the_next_process_does_the_rest_and_nothing_twice(
    house: House, url: str, point: str, erasure: bool
) -> None:
    one, others = await house.record(), [await house.record(number="+49 30 999"), await house.record(BLUE)]
    await scattered(house, one)
    before = [name for name in house.lying() if one not in name]
    assert (await house.verified()).sound
    if erasure:
        await house.catalog.erase_soon(Scope(RED), [one], "ada", "asked for", OUTSIDE)
    else:
        await house.catalog.trash(Scope(RED), [one], "ada", "old")
        house.later(days=31)
    assert [name for name in house.lying() if one in name]
    await killed(house, url, point)
    if point != ERASE_POINTS[-1]:
        await killed(house, url, ERASE_POINTS[-1])  # the one that goes on may die too
    await house.eraser.purge_due()
    assert (await house.verified()).sound
    assert house.lying() == before
    assert await house.catalog.files(one) == []
    word = "erase recording" if erasure else "purge recording"
    lines = [line.action for line in await house.catalog.audit_entries(Scope(RED))]
    assert lines.count(word) == 1
    detail = await house.catalog.recording(Scope(RED), one, trashed=True)
    assert detail is not None
    assert detail.row.deletion is not None
    assert detail.row.deletion.state == "purged"
    assert ("Zoë Outside" in str(detail)) is not erasure
    for recording_id in others:
        for row in await house.catalog.files(recording_id):
            assert house.stores.digest(row).sha256 == row.sha256
    assert (await house.eraser.purge_due()).looked == []
