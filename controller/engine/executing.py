"""One command to a switch: sent, timed, traced, and whatever goes wrong turned into a fact."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import structlog

from ..core import facts as f
from ..core.commands import Command
from ..core.errors import TapelineError
from . import tracing
from .crash_points import command_point
from .mailboxes import refusal
from .ports import LEG_GONE, EngineStats, Switch, SwitchDown

log = structlog.get_logger(__name__)

_REFUSALS = (f.CaptureRefused, f.CaptureMaskRefused, f.CaptureUnmaskRefused, f.CaptureCloseRefused)


async def executed(
    switch: Switch, call_id: str, command: Command, stats: EngineStats,
    may_act: Callable[[], bool], now: Callable[[], datetime],
) -> f.Fact | None:  # fmt: skip
    """What came of it; None: nothing to tell, or the connection is lost, and then what became of it is in the
    snapshot that follows the reconnection."""
    began, name, capture = asyncio.get_running_loop().time(), type(command).__name__, _capture_of(command)
    with tracing.span(
        f"switch {name}", kind="client", switch=switch.name, command=name, call=call_id, capture=capture,
        recording=capture.rpartition(".")[0],
    ) as span:  # fmt: skip
        result = "done"
        try:
            fact = await _asked(switch, command, may_act)
            if _refused(fact):
                result = "refused"
        except SwitchDown:
            result, fact = "down", None
        except Exception as error:
            result = "error"
            # One of the adapter's own errors says what is wrong; anything else needs its traceback.
            tell = log.warning if isinstance(error, TapelineError) else log.exception
            tell("switch.command_failed", switch=switch.name, command=name, reason=str(error)[:200])
            fact = refusal(command, now(), f"{type(error).__name__}: {error}"[:200])
        finally:
            stats.note(name, result, asyncio.get_running_loop().time() - began)
        span.note(result=result)
        if result != "done":
            span.fail(result)
    if isinstance(fact, _REFUSALS):
        log.log(
            logging.INFO if fact.reason == LEG_GONE else logging.ERROR, "capture.refused",
            switch=switch.name, capture=fact.capture_id, what=type(fact).__name__, reason=fact.reason,
        )  # fmt: skip
    return fact


async def _asked(switch: Switch, command: Command, may_act: Callable[[], bool]) -> f.Fact | None:
    if not may_act():
        raise SwitchDown(f"switch {switch.name} is not ours any more")
    command_point(command, "decided")
    fact = await switch.execute(command)
    command_point(command, "done")
    return fact


def _refused(fact: f.Fact | None) -> bool:
    return isinstance(fact, _REFUSALS) or (isinstance(fact, f.AnnouncementPlayed) and bool(fact.error))


def _capture_of(command: Command) -> str:
    return getattr(command, "capture_id", "")
