"""What a command on the event socket waits for, and how it can fail."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from ...core.errors import TapelineError


class ConnectionLost(TapelineError):
    """The connection is gone (or never was); the text says why and, at the start, what to do."""


class WrongPassword(ConnectionLost):
    pass


@dataclass(slots=True)
class Pending:
    """A command whose reply is due. It keeps its place even when nobody waits any more."""

    future: asyncio.Future[str]
    loop: asyncio.AbstractEventLoop

    def resolve(self, text: str) -> None:
        self.loop.call_soon_threadsafe(self._set, text, None)

    def fail(self, error: Exception) -> None:
        # The loop may be closed already when the process is on its way out.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._set, "", error)

    def _set(self, text: str, error: Exception | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(text)
        else:
            self.future.set_exception(error)
