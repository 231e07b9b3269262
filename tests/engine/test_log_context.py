"""Every line of the log says which call, recording and capture it is about, however deep it is written."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from controller.core.commands import Command, OpenCapture
from controller.engine.log_context import about, bind
from controller.jobs.steps import STORE, Steps
from controller.logs import set_up_logging
from tests.hooks.receiver import until

from .bench import Running, user


class Lines:
    def __init__(self, out: io.StringIO) -> None:
        self._out = out

    def of(self, event: str) -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self._out.getvalue().splitlines() if line.startswith("{")]
        return [line for line in found if line["event"] == event]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    set_up_logging("debug")
    yield Lines(out)
    structlog.reset_defaults()
    logging.getLogger().handlers.clear()


def test_what_is_bound_is_in_every_line_and_in_those_of_libraries(lines: Lines) -> None:
    with about(call="c1", capture="r1.2"):
        structlog.get_logger("deep").info("ours")
        logging.getLogger("library").warning("theirs")
    structlog.get_logger("deep").info("after")
    for event in ("ours", "theirs"):
        (line,) = lines.of(event)
        assert (line["call"], line["recording"], line["capture"]) == ("c1", "r1", "r1.2")
    assert not {"call", "recording", "capture"} & set(lines.of("after")[0])


async def test_a_task_does_not_keep_what_its_maker_was_about(lines: Lines) -> None:
    async def other() -> None:
        with about(call="c2"):
            structlog.get_logger().info("other")

    with about(call="c1", capture="r1.1"):
        task = asyncio.create_task(other())
    await task
    (line,) = lines.of("other")
    assert line["call"] == "c2"
    assert "capture" not in line
    bind(recording="r3")
    structlog.get_logger().info("bound")
    assert lines.of("bound")[0]["recording"] == "r3"


async def test_a_command_that_is_refused_says_all_three(tmp_path: Path, lines: Lines) -> None:
    async with Running(tmp_path) as running:
        running.switch.fault(OpenCapture, refuse="no")
        executed = running.switch.execute

        async def deep(command: Command) -> Any:
            structlog.get_logger("adapter").info("deep in the adapter")
            return await executed(command)

        running.switch.execute = deep  # type: ignore[method-assign]
        running.switch.call(user("101"), user("102"))
        await until(lambda: lines.of("capture.refused"))
        [call_id] = running.engine.engines[0].desk.book.calls
    for event in ("capture.refused", "deep in the adapter"):
        line = lines.of(event)[0]
        assert line["call"] == call_id, line
    line = lines.of("capture.refused")[0]
    assert line["capture"] == f"{line['recording']}.1"


async def test_the_work_on_a_recording_says_which(lines: Lines) -> None:
    class Due:
        recording_id, call_id = "r9", "c9"

    class Media:
        task_names = ()

        async def take(self, recording: Due) -> Any:
            structlog.get_logger("media").info("deep in media")
            raise OSError("no")

    class Catalog:
        async def due_of(self, ids: Any) -> list[Due]:
            return [Due()]

    steps = Steps(Catalog(), Media(), lambda *_: None)  # type: ignore[arg-type]
    assert "OSError" in (await steps.do(STORE, "r9", {}))["error"]
    (line,) = lines.of("deep in media")
    assert (line["call"], line["recording"]) == ("c9", "r9")
