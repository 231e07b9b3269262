"""An answer within a time, or none. What hangs is left alone: to be done with it may take as long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def within(seconds: float, question: Awaitable[T]) -> T:
    """Raises TimeoutError, and whatever the question raises."""
    task = asyncio.ensure_future(question)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        task.add_done_callback(lambda t: t.cancelled() or t.exception())
        raise TimeoutError("there is no answer in time")
    return task.result()
