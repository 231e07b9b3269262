"""Ordered mailboxes: what is put into one is carried out in order, different ones side by side."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Generic, TypeVar

from ..core import facts as f
from ..core.commands import (
    Announce,
    BindFeatureCodes,
    CloseCapture,
    Command,
    MaskCapture,
    OpenCapture,
    PlaySound,
    Sound,
    UnmaskCapture,
)

T = TypeVar("T")


class Mailboxes(Generic[T]):
    """One queue and, while there is something in it, one task a key. An idle key costs nothing.

    ``carry_out`` must not raise; it is the place where errors are turned into facts.
    """

    def __init__(self, carry_out: Callable[[T], Awaitable[None]]) -> None:
        self._carry_out = carry_out
        self._boxes: dict[str, deque[T]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def put(self, key: str, item: T) -> None:
        box = self._boxes.get(key)
        if box is not None:
            box.append(item)
            return
        self._boxes[key] = deque([item])
        self._tasks[key] = asyncio.create_task(self._drain(key))

    def __len__(self) -> int:
        """How many items wait or are being carried out."""
        return sum(len(box) for box in self._boxes.values())

    async def idle(self) -> None:
        """Wait until nothing is left to do."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # A task that was cancelled before its first step has not tidied up after itself.
        self._boxes.clear()
        self._tasks.clear()

    async def _drain(self, key: str) -> None:
        box = self._boxes[key]
        try:
            while box:
                await self._carry_out(box[0])
                box.popleft()
        finally:
            del self._boxes[key], self._tasks[key]


def mailbox(call_id: str, command: Command) -> str:
    """Captures in their call's order; the rest beside them, so that no capture waits for it."""
    if isinstance(command, Announce):
        return "bus"
    if isinstance(command, BindFeatureCodes):
        return f"leg {command.leg_id}"
    if isinstance(command, PlaySound):
        return f"ear {command.leg_id}"
    return call_id


def refusal(command: Command, at: datetime, reason: str) -> f.CaptureFact | f.AnnouncementPlayed | None:
    """The fact that stands for a command that could not be carried out."""
    match command:
        case PlaySound(leg_id=leg_id, sound=Sound.ANNOUNCEMENT, tenant=tenant):
            return f.AnnouncementPlayed(leg_id, tenant, at, reason)
        case OpenCapture(capture_id=capture_id):
            return f.CaptureRefused(capture_id, at, reason)
        case CloseCapture(capture_id=capture_id):
            return f.CaptureCloseRefused(capture_id, at, reason)
        case MaskCapture(capture_id=capture_id):
            return f.CaptureMaskRefused(capture_id, at, reason)
        case UnmaskCapture(capture_id=capture_id):
            return f.CaptureUnmaskRefused(capture_id, at, reason)
        case _:
            return None
