"""Mailboxes, the saver and the live feed, each alone."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest

from controller.core.calls import Call
from controller.engine import saver as saver_module
from controller.engine.live import BACKLOG, LiveFeed
from controller.engine.mailboxes import Mailboxes
from controller.engine.saver import Saver

from .bench import MemoryCatalog

Eventually = Callable[..., Awaitable[None]]
AT = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver_module, "RETRY_S", 0.01)


def call(call_id: str, *, ended: bool = False) -> Call:
    return Call(call_id, AT, ended_at=AT if ended else None)


# ── mailboxes ─────────────────────────────────────────────────────────────────────────────


async def test_one_box_in_order_and_boxes_side_by_side() -> None:
    done: list[str] = []
    gate = asyncio.Event()

    async def carry_out(item: str) -> None:
        if item == "a1":
            await gate.wait()
        await asyncio.sleep(0)
        done.append(item)

    boxes: Mailboxes[str] = Mailboxes(carry_out)
    for item in ("a1", "a2", "b1", "a3", "b2"):
        boxes.put(item[0], item)
    assert len(boxes) == 5
    while len(done) < 2:
        await asyncio.sleep(0)
    assert done == ["b1", "b2"], "b does not wait for a"
    gate.set()
    await boxes.idle()
    assert done == ["b1", "b2", "a1", "a2", "a3"]
    assert len(boxes) == 0
    boxes.put("a", "a4")
    await boxes.idle()
    assert done[-1] == "a4"


async def test_closing_ends_what_is_under_way() -> None:
    ends: list[str] = []

    async def carry_out(item: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ends.append(item)

    boxes: Mailboxes[str] = Mailboxes(carry_out)
    boxes.put("a", "a1")
    boxes.put("a", "a2")
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await boxes.close()
    assert ends == ["a1"]


async def test_closing_before_a_box_has_begun() -> None:
    async def carry_out(item: str) -> None:
        raise AssertionError("never begun")

    boxes: Mailboxes[str] = Mailboxes(carry_out)
    boxes.put("a", "a1")
    async with asyncio.timeout(1):
        await boxes.close()
        await boxes.idle()


# ── the saver ─────────────────────────────────────────────────────────────────────────────


class Wrote:
    def __init__(self) -> None:
        self.catalog = MemoryCatalog()
        self.ended = 0
        self.saver = Saver(self.catalog, "pbx", self._tell)

    def _tell(self) -> None:
        self.ended += 1


async def test_changes_during_a_write_are_written_next(eventually: Eventually) -> None:
    wrote = Wrote()
    task = asyncio.create_task(wrote.saver.run())
    wrote.catalog.free.clear()
    wrote.saver.put({"A": call("A")}, {})
    await asyncio.sleep(0)
    wrote.saver.put({"A": call("A", ended=True), "B": call("B")}, {})
    wrote.catalog.free.set()
    await eventually(lambda: wrote.catalog.saves == 2, "two writes")
    assert wrote.catalog.calls["A"].ended_at is not None, "the later state wins"
    assert wrote.ended == 1
    assert wrote.saver.waiting == 0
    task.cancel()


async def test_what_a_failed_write_held_does_not_undo_what_came_later() -> None:
    wrote = Wrote()
    wrote.catalog.free.clear()
    wrote.catalog.failures = 1
    wrote.saver.put({"A": call("A"), "B": call("B")}, {"X": "A"})
    writing = asyncio.create_task(wrote.saver.flush())
    await asyncio.sleep(0)
    wrote.saver.put({"A": call("A", ended=True)}, {"Y": "A"})
    wrote.catalog.free.set()
    assert await writing is False
    assert wrote.saver.waiting == 2
    assert await wrote.saver.flush() is True
    assert wrote.catalog.calls["A"].ended_at is not None
    assert set(wrote.catalog.calls) == {"A", "B"}
    assert wrote.catalog.merged == {"X": "A", "Y": "A"}


async def test_a_call_that_was_taken_over_does_not_come_back() -> None:
    """Its write failed, and meanwhile it became part of another."""
    wrote = Wrote()
    wrote.catalog.free.clear()
    wrote.catalog.failures = 1
    wrote.saver.put({"GONE": call("GONE")}, {})
    writing = asyncio.create_task(wrote.saver.flush())
    await asyncio.sleep(0)
    wrote.saver.put({"KEEP": call("KEEP")}, {"GONE": "KEEP"})
    wrote.catalog.free.set()
    assert await writing is False
    assert await wrote.saver.flush() is True
    assert set(wrote.catalog.calls) == {"KEEP"}


async def test_a_cancelled_write_is_kept() -> None:
    wrote = Wrote()
    wrote.catalog.free.clear()
    wrote.saver.put({"A": call("A", ended=True)}, {})
    task = asyncio.create_task(wrote.saver.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert wrote.saver.waiting == 1
    wrote.catalog.free.set()
    assert await wrote.saver.flush() is True
    assert set(wrote.catalog.calls) == {"A"}


async def test_nothing_to_write_writes_nothing() -> None:
    wrote = Wrote()
    assert await wrote.saver.flush() is True
    assert wrote.catalog.saves == 0


# ── the live feed ─────────────────────────────────────────────────────────────────────────


async def test_a_slow_reader_loses_the_oldest_and_keeps_the_newest() -> None:
    feed = LiveFeed()
    async with feed.reader() as slow, feed.reader() as other:
        feed.publish("pbx", call("first"))
        assert (await anext(other)).call_id == "first"
        for number in range(BACKLOG + 10):
            feed.publish("pbx", call(f"C{number}"))
        got = [(await anext(slow)).call_id for _ in range(BACKLOG)]
        assert got == [f"C{n}" for n in range(10, BACKLOG + 10)]
        assert (await anext(other)).call_id == "C10", "each reader has its own backlog"


async def test_ended_and_merged_calls_are_told_as_gone() -> None:
    feed = LiveFeed()
    feed.publish("pbx", call("nobody listens"))
    async with feed.reader() as events:
        feed.publish("pbx", call("A"))
        feed.publish("pbx", call("A", ended=True))
        feed.gone("B", ("acme.test",))
        first, second, third = [await anext(events) for _ in range(3)]
        assert first.call is not None
        assert (second.call_id, second.call) == ("A", None)
        assert (third.call_id, third.call, third.tenants) == ("B", None, ("acme.test",))
    feed.publish("pbx", call("C"))  # the reader has gone: nothing is kept for it
    assert not feed._readers
