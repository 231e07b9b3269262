"""The notes that a switch's dialplan leaves of what it recorded by itself, whatever it keeps them in."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime

from ..core.alone import LeftBehind
from ..core.recording import parse_segment_path

_EPOCH = re.compile(r"[0-9]{1,11}")
#: <tenant>/<yyyy>/<mm>/<dd>/<recording>.1.wav
_SLASHES = 4


class Notes(ABC):
    """The part of `engine.ports.Standby` that is alike for all switches. ``again`` reports a snapshot."""

    def __init__(self, again: Callable[[], Awaitable[None]]) -> None:
        self._again = again

    async def left_behind(self) -> list[LeftBehind]:
        found, strange = [], []
        for recording_id, text in (await self._notes()).items():
            note = self._note(recording_id, text)
            if note is None:
                strange.append(recording_id)
            else:
                found.append(note)
        await self._forget(strange)  # none of ours: they would be looked at for ever
        return found

    async def forget(self, recording_id: str) -> None:
        await self._forget([recording_id])

    async def look_again(self) -> None:
        await self._again()

    @abstractmethod
    async def _notes(self) -> dict[str, str]:
        """Recording's id → what was written of it."""

    @abstractmethod
    def _note(self, recording_id: str, text: str) -> LeftBehind | None:
        """What it says; None if the dialplan did not write it so."""

    @abstractmethod
    async def _forget(self, recording_ids: Iterable[str]) -> None: ...


def begun(recording_id: str, path: str, epoch: str) -> tuple[str, datetime] | None:
    """(the capture's id, when it began) by a note's path and time; None if they cannot be the dialplan's."""
    parsed = parse_segment_path(path)
    if (
        parsed is None
        or parsed.recording_id != recording_id
        or path.count("/") != _SLASHES
        or not _EPOCH.fullmatch(epoch)
    ):
        return None
    return parsed.capture_id, datetime.fromtimestamp(int(epoch), UTC)
