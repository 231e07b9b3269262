"""What transcribing reads and writes in the catalog, and what the pages show of it. Protocols only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..core.options import Redaction
from ..core.transcripts import Transcript, Utterance
from .media_ports import StoredFile
from .people import Scope


@dataclass(frozen=True, slots=True)
class Heard:
    """Who can be heard from ``from_ms`` to ``to_ms``, on the left and on the right; "": nobody knows who.

    Where all is on one channel both are the same: the one party that was recorded alone, or "".
    """

    from_ms: int
    to_ms: int
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """A recording that can be played, and what its tenant wants of it.

    ``rendition`` is the whole of it. ``chosen``: the spans that somebody wants taken out; ``given_back``:
    those that somebody has taken back, and that others do not hear again yet. ``paused``: the spans in
    which nobody may be heard, or only our own announcement is; None: to the end. All times on the
    recording's time line.
    """

    recording_id: str
    tenant: str
    kind: str
    transcripts: bool
    redaction: Redaction
    rendition: StoredFile
    heard: tuple[Heard, ...]
    paused: tuple[tuple[int, int | None], ...]
    chosen: tuple[tuple[int, int], ...] = ()
    given_back: tuple[tuple[int, int], ...] = ()


class TranscriptStore(Protocol):
    """Every method is idempotent."""

    async def wanted_transcript(self, recording_id: str) -> Wanted | None:
        """None unless there is such a recording, it is kept, and it has its rendition."""

    async def files(self, recording_id: str) -> list[StoredFile]: ...

    async def add_file(self, file: StoredFile) -> None: ...

    async def set_transcript(self, recording_id: str, transcript: Transcript, redaction: Redaction) -> None:
        """Keep it in the place of what there was of this recording. ``redaction``: what was done to it,
        and to the sound."""

    async def stored_transcript(self, recording_id: str) -> tuple[Transcript, Redaction] | None: ...

    async def untranscribed(self, tenant: str | None = None, limit: int = 500, after: str = "") -> list[str]:
        """Available recordings whose tenant wants a transcript, or more redaction, than there is; by id."""

    async def unredacted(self, limit: int = 500, after: str = "") -> list[str]:
        """Available recordings with a transcript that has had less taken out than its tenant wants; by id."""

    async def forget_transcript(self, recording_id: str) -> None:
        """Remove the text and all that it could be found by; its files are left to whoever removes files."""


@dataclass(frozen=True, slots=True)
class TranscriptView:
    """A transcript as one scope may read it."""

    recording_id: str
    language: str
    engine: str
    redacted: bool
    runs: int
    made_at: datetime
    utterances: tuple[Utterance, ...]
    spans: tuple[tuple[int, int], ...] = ()


class Hidden(StrEnum):
    """What keeps people from hearing a recording as it is: digits, or chosen spans, are to be taken out."""

    NOTHING = ""
    DIGITS = "digits"  # there is a file without them
    NOT_YET = "not_yet"  # there is to be one: what has to be taken out is not known yet


@dataclass(frozen=True, slots=True)
class TextHit:
    """Where a searched text was said: ``before``, ``match`` and ``behind`` together are the snippet."""

    at_ms: int
    speaker: str
    before: str
    match: str
    behind: str


class TranscriptReader(Protocol):
    async def transcript(self, scope: Scope, recording_id: str) -> TranscriptView | None:
        """None of what the scope does not cover, like of what there is not."""
