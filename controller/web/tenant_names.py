"""The tenants that a system administrator may choose to see, asked for once in a while."""

from __future__ import annotations

import time
from collections.abc import Callable

from ..engine.reading import Scope, SettingsStore

#: The catalog is asked once in so many seconds, however many pages are opened.
FRESH_S = 10.0


class TenantNames:
    def __init__(self, settings: SettingsStore, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._until = 0.0
        self._names: list[str] = []

    async def all(self, *, anew: bool = False) -> list[str]:
        """In order. ``anew``: as they are now, not as they were a moment ago."""
        if anew or self._clock() >= self._until:
            self._names = [t.tenant for t in await self._settings.tenants(Scope(None))]
            self._until = self._clock() + FRESH_S
        return self._names
