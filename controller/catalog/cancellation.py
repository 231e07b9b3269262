"""A cancellation that meets the end of a connection is not lost.

Seen with PostgreSQL killed in the midst of a query: the driver answered a task's cancellation with the
connection's error (2 of 13 times), and whoever catches errors, tries again later and waits to be cancelled
is never told a second time: a stop of the process waited for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_cancellation() -> Iterator[None]:
    """Around whatever asks a database. Raises CancelledError where the task was cancelled within and was told
    of something else, or of nothing."""
    task = asyncio.current_task()
    before = task.cancelling() if task is not None else 0
    try:
        yield
    except Exception as error:
        if task is not None and task.cancelling() > before:
            raise asyncio.CancelledError from error
        raise
    if task is not None and task.cancelling() > before:
        raise asyncio.CancelledError
