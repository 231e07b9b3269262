"""The wall clock is set now and then: what has lasted so long must not be measured by it alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

#: Less than this a time server's gentle corrections add up to within hours.
LEAST = timedelta(seconds=1)
_NOT = timedelta()


class ClockWatch:
    """``steady``, in seconds, only ever runs on."""

    def __init__(self, now: Callable[[], datetime], steady: Callable[[], float]) -> None:
        self._now, self._steady = now, steady
        self._apart = self._between()

    def jumped(self) -> timedelta:
        """By how much the wall clock was set since this was last asked; forward is positive."""
        apart = self._between()
        by = apart - self._apart
        if abs(by) < LEAST:
            return _NOT
        self._apart = apart
        return by

    def _between(self) -> timedelta:
        return timedelta(seconds=self._now().timestamp() - self._steady())
