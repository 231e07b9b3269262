"""Each command to a switch is a span, a part of whatever it was sent for."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path
from typing import Any, cast

import pytest

from controller.core import facts as f
from controller.core.commands import Announce, Command, MaskCapture, PlaySound, Sound, UnmaskCapture
from controller.engine import tracing
from controller.engine.executing import executed
from controller.engine.ids import now
from controller.engine.ports import EngineStats, Switch
from tests.engine.bench import Running, user
from tests.hooks.receiver import until

from .conftest import Tracing
from .receiver import Receiver

UNMASK = UnmaskCapture("R1.1", "leg", "/spool/R1.1.wav")
ANNOUNCE = PlaySound("leg", Sound.ANNOUNCEMENT, "there", "acme.test")


@pytest.mark.parametrize(("share", "least", "most"), [(0.0, 0, 0), (0.5, 60, 140), (1.0, 200, 200)])
async def test_a_share_of_the_traces_is_kept_whole(
    receiver: Receiver, tracing_to: Tracing, share: float, least: int, most: int
) -> None:
    """5.6 standard deviations (√200 / 2) of 100 are 40."""
    assert math.sqrt(200) / 2 * 5.6 < 40
    with tracing_to(share=share):
        for _ in range(200):
            with tracing.span("outer"), tracing.span("inner"):
                pass
    assert least <= len(receiver.named("outer")) <= most
    outer = {bytes(s.span.span_id) for s in receiver.named("outer")}
    assert {bytes(s.span.parent_span_id) for s in receiver.named("inner")} == outer


async def test_a_command_says_which_and_what_came_of_it(
    tmp_path: Path, receiver: Receiver, tracing_to: Tracing
) -> None:
    with tracing_to():
        async with Running(tmp_path) as running:
            running.switch.fault(MaskCapture, refuse="no")
            running.switch.call(user("7714155"), user("7714156"))
            await until(lambda: running.states() == ["recording"])
            [call_id] = running.engine.engines[0].desk.book.calls
            with tracing.span("the request"):
                await running.ask("pause-audio-recording", call_id)
            await until(lambda: any(x.startswith("CloseCapture") for x in running.executed()))
    opened = receiver.named("switch OpenCapture")[0]
    recording = opened.of["tapeline.recording"]
    assert opened.of == {
        "tapeline.switch": "pbx", "tapeline.command": "OpenCapture", "tapeline.call": call_id,
        "tapeline.recording": recording, "tapeline.capture": f"{recording}.1", "tapeline.result": "done",
    }  # fmt: skip
    assert opened.span.kind == 3  # client
    assert opened.span.parent_span_id == b"", "nobody asked for it"
    (request,) = receiver.named("the request")
    (masked,) = receiver.named("switch MaskCapture")
    assert masked.failed
    assert masked.of["tapeline.result"] == masked.of["error.type"] == "refused"
    assert masked.span.parent_span_id == request.span.span_id
    closed = receiver.named("switch CloseCapture")[0]
    assert closed.span.trace_id == request.span.trace_id, "what follows from it is a part of it"


@pytest.mark.parametrize(
    ("command", "fact", "result"),
    [
        (UNMASK, f.CaptureUnmaskRefused("R1.1", now(), "no"), "refused"),
        (UNMASK, f.CaptureUnmasked("R1.1", now()), "done"),
        (ANNOUNCE, f.AnnouncementPlayed("leg", "acme.test", now(), error="no such file"), "refused"),
        (ANNOUNCE, f.AnnouncementPlayed("leg", "acme.test", now()), "done"),
    ],
)
async def test_what_a_switch_refuses_is_not_counted_as_done(
    receiver: Receiver, tracing_to: Tracing, command: Command, fact: f.Fact, result: str
) -> None:
    class Refusing:
        name = "pbx"

        async def execute(self, command: Command) -> f.Fact:
            return fact

    stats = EngineStats()
    with tracing_to():
        told = await executed(cast(Switch, Refusing()), "call", command, stats, lambda: True, now)
    assert told is fact
    assert list(stats.took) == [(type(command).__name__, result)]
    (seen,) = receiver.spans
    assert seen.of["tapeline.result"] == result
    assert seen.failed == (result == "refused")


async def test_what_waits_in_a_mailbox_belongs_to_whoever_put_it_there(
    tmp_path: Path, receiver: Receiver, tracing_to: Tracing
) -> None:
    """All calls' announcements wait in one. Its task was made by the first; the second is no part of that."""
    go = asyncio.Event()
    with tracing_to():
        async with Running(tmp_path) as running:
            running.switch.call(user("101"), user("102"))
            running.switch.call(user("103"), user("104"))
            await until(lambda: running.states() == ["recording"] * 2)
            engine = running.engine.engines[0]
            await until(lambda: not len(engine._mailboxes))
            executed = running.switch.execute

            async def slow(command: Command) -> Any:
                if isinstance(command, Announce):
                    await go.wait()
                return await executed(command)

            running.switch.execute = slow  # type: ignore[method-assign]
            for number, call_id in enumerate(list(engine.desk.book.calls)):
                with tracing.span(f"request {number}"):
                    await running.ask("pause-audio-recording", call_id)
            await until(lambda: len(engine._mailboxes) >= 2)
            go.set()
            await until(lambda: not len(engine._mailboxes))
    asked = [bytes(receiver.named(f"request {number}")[0].span.span_id) for number in (0, 1)]
    announced = [bytes(s.span.parent_span_id) for s in receiver.named("switch Announce")]
    assert [parent for parent in announced if parent in asked] == asked


@pytest.mark.parametrize("error", [RuntimeError("+4930123"), OSError(2, "+4930123")])
async def test_an_adapter_that_raises_fails_the_span(
    tmp_path: Path, receiver: Receiver, tracing_to: Tracing, error: Exception
) -> None:
    with tracing_to():
        async with Running(tmp_path) as running:

            async def raising(command: object) -> object:
                raise error

            running.switch.execute = raising  # type: ignore[method-assign, assignment]
            running.switch.call(user("101"), user("102"))
            await until(lambda: running.engine.engines[0].stats.took.get(("OpenCapture", "error")))
    seen = receiver.named("switch OpenCapture")[0]
    assert seen.failed
    assert seen.of["tapeline.result"] == "error"
    assert not any("4930123" in text for text in receiver.texts())
