"""Each run of the work on a recording is a trace, each delivery of a webhook a span that is told there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.engine import tracing
from controller.engine.hooks import HookEvent
from controller.engine.ids import now
from tests.hooks.receiver import Receiver as HookReceiver
from tests.hooks.receiver import until
from tests.hooks.test_delivery import a_recording, delivering, dispatcher_of, make_hook
from tests.jobs.world import TENANT, Noted, World, running
from tests.jobs.world import until as came_true

from .conftest import Tracing
from .receiver import Receiver


@pytest.fixture
async def jobs(tmp_path: Path) -> AsyncIterator[World]:
    url = f"sqlite+aiosqlite:///{tmp_path}/jobs.db"
    database = await open_database(url)
    tasks = [Noted("peaks"), Noted("encode", lambda _: OSError("/secret/file.wav"))]
    made = World(url, tmp_path, SqlCatalog(database, now), tasks)
    yield made
    await database.close()


async def test_each_run_is_a_trace_and_its_steps_are_parts_of_it(
    jobs: World, receiver: Receiver, tracing_to: Tracing
) -> None:
    async def tried() -> bool:
        return len(receiver.named("step encode")) >= 2

    with tracing_to():
        async with running(jobs.workers()):
            await jobs.record("r1")
            await came_true(tried, within_s=60)
        (files,) = receiver.named("recording files")
        assert files.of["tapeline.recording"] == "r1"
        steps = {s.name: s for s in receiver.spans if s.span.parent_span_id == files.span.span_id}
        assert set(steps) == {"step store", "step render"}
        assert all(s.of["tapeline.recording"] == "r1" for s in steps.values())
        assert {s.of["tapeline.result"] for s in steps.values()} == {"done"}
        finishing = receiver.named("recording finishing")
        assert [s.of.get("tapeline.tries") for s in finishing][:2] == [0, 1]
        assert len({bytes(s.span.trace_id) for s in [files, *finishing]}) == len(finishing) + 1
        assert all(s.failed for s in finishing)
        encode = receiver.named("step encode")[0]
        assert encode.failed
        assert encode.of["tapeline.result"] == "failed"
        assert bytes(encode.span.parent_span_id) in {bytes(s.span.span_id) for s in finishing}
    assert not any("secret" in text or TENANT in text for text in receiver.texts())


async def test_a_delivery_is_a_span_and_the_other_side_can_go_on_with_it(
    jobs: World, receiver: Receiver, tracing_to: Tracing
) -> None:
    async with HookReceiver(answers=[500, 200]) as hooks:
        address = f"{hooks.url}?token=7714155"
        hook, _ = await make_hook(jobs.catalog, address, HookEvent.COMPLETED)
        await a_recording(jobs.catalog, pause=False)
        with tracing_to():
            async with delivering(dispatcher_of(jobs.catalog)):
                await until(lambda: len(hooks.got) == 2, 30)
                await until(lambda: len(receiver.named("webhook")) == 2)
    first, second = receiver.named("webhook")
    assert first.of == {
        "tapeline.hook": hook.hook_id, "tapeline.event": "recording.completed", "tapeline.tries": 1,
        "tapeline.result": "waiting", "http.response.status_code": 500, "error.type": "500",
    }  # fmt: skip
    assert (first.failed, second.failed) == (True, False)
    for seen, got in zip((first, second), hooks.got, strict=True):
        trace, span = got.headers["traceparent"].split("-")[1:3]
        assert (trace, span) == (seen.span.trace_id.hex(), seen.span.span_id.hex())
        assert not {"tracestate", "baggage"} & set(got.headers)
    assert not any("7714155" in text or "127.0.0.1" in text for text in receiver.texts())


async def test_without_traces_nothing_is_sent_along(jobs: World) -> None:
    assert tracing.outgoing() == {}
    async with HookReceiver() as hooks:
        await make_hook(jobs.catalog, hooks.url, HookEvent.COMPLETED)
        await a_recording(jobs.catalog, pause=False)
        async with delivering(dispatcher_of(jobs.catalog)):
            await until(lambda: hooks.got)
    assert "traceparent" not in hooks.got[0].headers
