"""What waits to be sent to the collector: never more than so much, and nobody waits for it.

A thread of its own sends. While the collector is away its work is to try now and then; what does not fit any
more is lost, the oldest first, and one line of the log now and then says so.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from .collector import Away, Refused

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST_WAITING = 4096
#: Packing takes the interpreter's lock; so many take it for some milliseconds.
AT_ONCE = 128
EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0
#: Between two lines of the log about a collector that is away.
WARN_EVERY_S = 600.0


class Outbox(Generic[T]):
    """``pack`` makes of some one message, ``post`` sends it, or raises Away or Refused."""

    def __init__(
        self, pack: Callable[[list[T]], bytes], post: Callable[[bytes], None], *, every_s: float = EVERY_S
    ) -> None:
        self._pack, self._post, self._every_s = pack, post, every_s
        self._waiting: deque[T] = deque(maxlen=MOST_WAITING)
        self._batch: list[T] = []
        self._closing = threading.Event()
        self._lost = 0
        self._warned_at = -float("inf")
        # A daemon: one that hangs in the network must not keep the process.
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def put(self, item: T) -> None:
        """From any thread; never waits."""
        if self._closing.is_set():
            return
        if len(self._waiting) == MOST_WAITING:
            self._lost += 1
        self._waiting.append(item)

    def close(self, within_s: float) -> None:
        """Send what waits, if it goes in this time. Blocking, and never for longer."""
        self._closing.set()
        self._thread.join(within_s)
        if left := len(self._batch) + len(self._waiting):
            log.warning("traces.not_sent", spans=left, why="the collector did not take them in time")

    def _run(self) -> None:
        pause, ending = self._every_s, False
        while not ending:
            ending = self._closing.wait(pause)
            pause = self._every_s if self._emptied() else min(pause * 2, LONGEST_PAUSE_S)

    def _emptied(self) -> bool:
        """Whether all that waits could be sent, or will never be."""
        while self._batch or self._waiting:
            if not self._batch:
                self._batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._post(self._pack(self._batch))
            except Away as error:
                self._warn(str(error))
                return False
            except Exception as error:
                # Refused, or a span that cannot be packed: it would not go later either.
                self._lost += len(self._batch)
                self._warn(str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}")
            self._batch = []
        return True

    def _warn(self, why: str) -> None:
        if time.monotonic() - self._warned_at >= WARN_EVERY_S:
            self._warned_at = time.monotonic()
            log.warning("traces.not_sent", why=why[:300], spans_lost=self._lost)
