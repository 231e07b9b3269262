"""What the media pipeline and the catalog say to each other: due recordings, stored files, their states."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..core.commands import Layout
from ..core.formats import FormatChoice
from ..core.media_kinds import Kind
from ..core.own_sounds import Played


@dataclass(frozen=True, slots=True)
class DueSegment:
    """One capture's file as the catalog knows it. ``path`` is relative to the switch's spool.

    ``opened_at`` None: the capture never confirmed its start; there may be a file all the same.
    ``interrupted``: it broke off, as when the switch dies.
    ``masked`` holds the spans of wall time in which it was silenced.
    """

    capture_id: str
    number: int
    path: str
    opened_at: datetime | None
    closed_at: datetime | None
    layout: Layout = Layout.MONO
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class HeardSound:
    """A sound of ours that is to be mixed in. ``seats``: the channels (0 left, 1 right) of whoever has heard
    it, in a stereo recording; empty where nobody has one."""

    played: Played
    seats: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class DueRecording:
    """A recording that has ended and is not yet in the store.

    ``discard``: it was provisional and nobody started it; its audio is to be destroyed.
    ``cut_pauses``: its tenant has pauses left out instead of kept as silence; ``cut_gaps``: and what lies
    between two captures for another reason. ``sounds``: of ours, which its tenant wants in its file.
    """

    recording_id: str
    call_id: str
    switch: str
    tenant: str
    kind: Kind
    started_at: datetime
    ended_at: datetime
    segments: tuple[DueSegment, ...]
    pauses: tuple[tuple[datetime, datetime | None], ...] = ()
    discard: bool = False
    cut_pauses: bool = False
    cut_gaps: bool = False
    sounds: tuple[HeardSound, ...] = ()


#: The store where the pipeline works: the folder ``storage.path``. Every file is there first.
HOME = "home"


class FileRole(StrEnum):
    SEGMENT = "segment"  # one capture's file, as the switch wrote it (header repaired if need be)
    # What was beside it and is not wholly in it, to the bit (see media/pair.py).
    MIX = "mix"
    RX = "rx"  # what the switch received from the leg
    TX = "tx"  # what the leg heard
    RENDITION = "rendition"  # the whole recording in one file, made from the segments
    ENCODED = "encoded"  # the rendition in another format
    PEAKS = "peaks"  # what the player draws
    TRANSCRIPT = "transcript"  # what was said in it, as JSON (core/transcripts.py)
    REDACTED = "redacted"  # the rendition with runs of digits beeped over


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a store. ``sha256`` is hex, of its bytes (before they were sealed, if ``sealing`` is not
    empty: see media/sealing.py); ``duration_ms`` of audio. ``store`` is the name of where it lies."""

    recording_id: str
    role: FileRole
    number: int
    key: str
    format: str
    size: int
    sha256: str
    duration_ms: int
    channels: int
    sample_rate: int
    repaired: bool = False
    note: str = ""
    store: str = HOME
    sealing: str = ""


class MediaState(StrEnum):
    """Forward only; ``failed`` is retried, ``empty`` (nothing was captured), ``discarded`` (destroyed as
    the on-demand mode demands) and ``erased`` (deleted, see engine/erasing.py) are final. ``withheld``:
    it would have been destroyed, and a legal hold keeps it until it ends."""

    SPOOLED = "spooled"
    STORED = "stored"  # every segment is in the store, hashed
    AVAILABLE = "available"
    WITHHELD = "withheld"
    EMPTY = "empty"
    DISCARDED = "discarded"
    ERASED = "erased"
    FAILED = "failed"


class MayDiscard(StrEnum):
    """Whether a recording's audio is to be destroyed at its end."""

    YES = "yes"
    KEPT = "kept"  # somebody started it, or it is not over
    HELD = "held"  # a legal hold covers it: it is kept, and nobody hears it but who may (WITHHELD)


#: The error of a recording that is being destroyed: from then on no hold stops it half way.
DESTROYING = "being destroyed"
#: The error of one that is withheld.
OTHERWISE_DISCARDED = "held, otherwise discarded"


class MediaCatalog(Protocol):
    """What the media pipeline reads and writes. Every method is idempotent."""

    async def due(self, limit: int = 100) -> list[DueRecording]:
        """Ended recordings whose media is not final yet, oldest first."""

    async def due_of(self, recording_ids: Collection[str]) -> list[DueRecording]:
        """Those of these recordings that are due."""

    async def add_file(self, file: StoredFile) -> None:
        """Keep this row; an older one of the same recording, role and number is replaced.

        If the older one has the same bytes in another store, that place stays noted, and the file
        added now is the old copy.
        """

    async def files(self, recording_id: str) -> list[StoredFile]: ...

    async def files_after(self, key: str, limit: int = 500) -> list[StoredFile]:
        """Every recording's files in order of ``key``, those behind this one ("": from the start)."""

    async def forget_files(self, recording_id: str) -> None:
        """Remove every row of this recording's files; the files themselves are gone already."""

    async def may_discard(self, recording_id: str) -> MayDiscard:
        """Whether the row, as it is now, still leaves this recording's audio to destruction: it has
        ended, nobody started it (``provisional``), it is not available, and no legal hold covers it,
        or it was forbidden. Asked right before; YES is noted, so that it is the last word."""

    async def set_media_state(
        self, recording_id: str, state: MediaState, *, duration_ms: int = 0, error: str = ""
    ) -> MediaState:
        """The state that it is in now: of what is provisional, AVAILABLE becomes WITHHELD."""

    async def reopen(self, recording_id: str, error: str) -> bool:
        """Make an ended recording due again, whatever its media's state (a file came late).

        False if there is no such recording, or if it has not ended.
        """

    async def known_paths(self, switch: str) -> set[str]:
        """Spool paths of every segment that has a row."""

    async def adopt(
        self,
        switch: str,
        tenant_folder: str,
        recording_id: str,
        kind: Kind,
        segments: Sequence[tuple[int, str, datetime, datetime]],
    ) -> bool:
        """Make rows for spool files without any: (number, path, began, ended) each.

        False if no tenant belongs to the folder's name.
        """


@dataclass(frozen=True, slots=True)
class WantedFormat:
    """What a recording's tenant chooses now, and what the recording is."""

    tenant: str
    kind: Kind
    state: MediaState
    format: FormatChoice
    keep_original: bool


class MayGo(StrEnum):
    """Whether a recording's WAV may be removed."""

    YES = "yes"
    LATER = "later"  # it is being worked on or moved, or is no longer what was compared
    HELD = "held"  # a legal hold covers it
    MIXED = "mixed"  # the encoded file has fewer channels: who said what would be lost
    NEVER = "never"  # the times on the recording's time line come from the files of its segments


class EncodingCatalog(Protocol):
    """What encoding reads and writes. Every method is idempotent."""

    async def wanted_format(self, recording_id: str) -> WantedFormat | None:
        """None if there is no such recording."""

    async def files(self, recording_id: str) -> list[StoredFile]: ...

    async def add_file(self, file: StoredFile) -> None: ...

    async def forget_file(self, file: StoredFile) -> None:
        """Remove this row if it still names that key; the file itself is gone already."""

    async def give_up(self, recording_id: str, files: Sequence[StoredFile], why: str) -> MayGo:
        """Note in the audit that these files are about to be removed, each with its SHA-256, and mark
        their rows (`GIVEN_UP`), in one transaction and once only. Nothing is changed unless the answer
        is YES."""

    async def gave_up(self, recording_id: str, files: Sequence[StoredFile]) -> None:
        """The files are gone: remove their rows, and have the recording sealed as it is now."""


#: In the note of a rendition, and of its recording, in which nothing is to be heard.
SILENT = "silent: nothing is to be heard in it"

#: In the note of a recording of which the switch did not bring every part to its end.
INTERRUPTED = "interrupted: the switch died or lost it, and what it had not written is missing"

#: What the note of a file begins with that is about to be removed, because another one is kept for it.
GIVEN_UP = "given up: "
