"""What there is to hear of a recording: its files, and for whose ears they are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .media_ports import GIVEN_UP, HOME, OTHERWISE_DISCARDED, MediaState
from .transcribing import Hidden


@dataclass(frozen=True, slots=True)
class FileRow:
    """``key`` is the file's name in the store of the name ``store``."""

    role: str
    number: int
    key: str
    format: str
    size: int
    sha256: str
    duration_ms: int
    channels: int
    sample_rate: int
    repaired: bool
    note: str
    store: str = HOME
    sealing: str = ""


@dataclass(frozen=True, slots=True)
class Sound:
    """As much of a recording as a player needs, which asks anew with every piece that it fetches.

    ``trace``: why there is nothing to hear, of one that was not kept; ``reason``: of its last decision.
    ``files`` is empty of a recording that is provisional, unless what is withheld was asked for. ``hidden``:
    what not everybody may hear of it.
    """

    recording_id: str
    tenant: str
    kind: str
    started_at: datetime
    media_state: str
    reason: str
    trace: str
    files: tuple[FileRow, ...]
    hidden: Hidden = Hidden.NOTHING

    @property
    def withheld(self) -> bool:
        """Whether nothing but a legal hold keeps it."""
        return self.media_state == MediaState.WITHHELD

    @property
    def playable(self) -> FileRow | None:
        """The whole recording in one file, once it is in the store; encoded, if its WAV is not kept."""
        return self._whole("rendition") or self._whole("encoded")

    @property
    def chosen(self) -> FileRow | None:
        """The same in the format that the tenant chose, where there is one."""
        return self._whole("encoded") or self._whole("rendition")

    def _whole(self, role: str) -> FileRow | None:
        return next((f for f in self.files if f.role == role and not f.note.startswith(GIVEN_UP)), None)


def trace_of(media_state: str, *, provisional: bool, ended: bool) -> str:
    """Why there is nothing to hear of a recording that nobody deleted; "" where there is."""
    if media_state == MediaState.WITHHELD:
        return f"{OTHERWISE_DISCARDED}: nobody started it before the end, and a legal hold keeps it"
    if provisional and ended:
        return "not kept: nobody started it before the end"
    return ""
