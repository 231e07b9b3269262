"""What waits to be sent to the collector: never more than so much, and nobody waits for it.

A thread of its own sends. While the collector is away its work is to try now and then; what does not fit any
more is lost, the oldest first. One line of the log now and then says so, and one that it works again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from .collector import Away, NotTaken

log = structlog.get_logger(__name__)

T = TypeVar("T")

MOST_WAITING = 4096
#: Packing takes the interpreter's lock; so many take it for some milliseconds.
AT_ONCE = 128
EVERY_S = 1.0
LONGEST_PAUSE_S = 30.0
#: Between two lines of the log about a collector that is away.
WARN_EVERY_S = 600.0
_TOO_MANY = "more came at once than can wait"


class Outbox(Generic[T]):
    """``pack`` makes of some one message, ``post`` sends it, or raises Away or NotTaken."""

    def __init__(
        self, pack: Callable[[list[T]], bytes], post: Callable[[bytes], None], *, every_s: float = EVERY_S
    ) -> None:
        self._pack, self._post, self._every_s = pack, post, every_s
        self._waiting: deque[T] = deque(maxlen=MOST_WAITING)
        self._batch: list[T] = []
        self._closing = threading.Event()
        self._sent = self._lost = 0
        #: What of it the log has been told.
        self._told, self._warned_at, self._troubled, self._why = 0, -float("inf"), False, ""
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
        left = len(self._batch) + len(self._waiting)
        if left or self._lost > self._told:
            why = "the collector did not take them in time" if left else self._why or _TOO_MANY
            log.warning("traces.not_sent", why=why[:300], spans=left, spans_lost=self._lost)

    def _run(self) -> None:
        pause, ending = self._every_s, False
        while not ending:
            ending = self._closing.wait(pause)
            sent, lost = self._sent, self._lost
            emptied = self._emptied()
            pause = self._every_s if emptied else min(pause * 2, LONGEST_PAUSE_S)
            if emptied and self._sent > sent and self._lost == lost and self._troubled:
                self._recover()
            elif not emptied or self._lost > self._told:
                self._warn()

    def _emptied(self) -> bool:
        """Whether all that waits could be sent, or will never be."""
        while self._batch or self._waiting:
            if not self._batch:
                self._batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            try:
                self._post(self._pack(self._batch))
                self._sent += 1
            except Away as error:
                self._why = str(error)
                return False
            except Exception as error:
                # NotTaken, or a span that cannot be packed: it would not go later either.
                self._lost += len(self._batch)
                self._why = str(error) if isinstance(error, NotTaken) else f"{type(error).__name__}: {error}"
            self._batch = []
        return True

    def _warn(self) -> None:
        if time.monotonic() - self._warned_at >= WARN_EVERY_S:
            self._warned_at, self._troubled, self._told = time.monotonic(), True, self._lost
            log.warning("traces.not_sent", why=(self._why or _TOO_MANY)[:300], spans_lost=self._told)

    def _recover(self) -> None:
        self._troubled, self._told, self._why = False, self._lost, ""
        log.info("traces.sent_again", spans_lost=self._told)
