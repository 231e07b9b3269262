"""Whoever is cancelled while a database breaks is told that he was cancelled."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from controller.catalog import open_database
from controller.catalog.cancellation import kept_cancellation


async def _swallows(error: Exception | None) -> None:
    """As the driver does: the cancellation comes, and something else goes out, or nothing."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        if error is not None:
            raise error from None


@pytest.mark.parametrize("error", [OSError("connection lost"), None])
async def test_a_cancellation_that_was_swallowed_is_told(error: Exception | None) -> None:
    async def asks() -> None:
        with kept_cancellation():
            await _swallows(error)

    task = asyncio.ensure_future(asks())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_alone_stays_what_it_is_also_after_an_earlier_cancellation() -> None:
    async def asks() -> str:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass  # cleaning up now, with the database
        try:
            with kept_cancellation():
                raise OSError("gone")
        except OSError as error:
            return str(error)

    task = asyncio.ensure_future(asks())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "gone"


async def test_a_time_that_runs_out_within_is_a_timeout() -> None:
    async def asks() -> None:
        async with asyncio.timeout(0.01):
            with kept_cancellation():
                await _swallows(OSError("connection lost"))

    with pytest.raises(TimeoutError):
        await asks()


@pytest.mark.parametrize("way", ["reading", "writing"])
async def test_both_ways_into_the_catalog_tell_it(tmp_path: Path, way: str) -> None:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/catalog.db")
    inside = asyncio.Event()

    async def asks() -> None:
        async with getattr(database, way)():
            inside.set()
            await _swallows(OSError("connection lost"))

    task = asyncio.ensure_future(asks())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.close()
