"""What the web needs of the rest beside the engine's own ports."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from ..engine.reading import Health


class FileStore(Protocol):
    """Where finished recordings lie. Media is on local disk and served from there."""

    def path(self, key: str) -> Path:
        """The file of that key, whether it exists or not. Raises TapelineError for a key
        that would lead out of the store."""


#: What works and what does not, for /readyz.
HealthCheck = Callable[[], Awaitable[Health]]
