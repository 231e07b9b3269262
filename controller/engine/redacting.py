"""Spans of a recording that somebody has chosen to be taken out for others: asked for, done, shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .people import Scope
from .transcribing import TranscriptStore

#: So many there may be in one recording, and so long may be the reason.
MOST_SPANS = 200
LONGEST_WHY = 500


@dataclass(frozen=True, slots=True)
class ChosenSpan:
    """``from_ms``/``to_ms`` on the recording's time line. ``done``: the sound is without it; before that
    nobody hears the recording but who may hear what is redacted."""

    from_ms: int
    to_ms: int
    by: str
    at: datetime
    why: str
    done: bool


class RedactingCatalog(TranscriptStore, Protocol):
    """What taking out reads and writes. Every method is idempotent."""

    async def redactions_due(self, limit: int = 500, after: str = "") -> list[str]:
        """Recordings with chosen spans that the sound, as it is now, is not without; by id."""

    async def redaction_done(self, recording_id: str, source: str, spans: Sequence[tuple[int, int]]) -> None:
        """The rendition with the SHA-256 ``source`` was kept without these spans."""


class RedactingStore(Protocol):
    """What people may ask for."""

    async def chosen_spans(self, scope: Scope, recording_id: str) -> list[ChosenSpan] | None:
        """In order; None if the scope does not cover the recording."""

    async def redact_span(
        self, scope: Scope, recording_id: str, from_ms: int, to_ms: int, by: str, why: str,
        address: str = "",
    ) -> bool:  # fmt: skip
        """Note it, in the audit too, and have it done: from here on only those hear the recording who may
        hear what is redacted. False if there is no such recording. Raises InvalidPolicy, which says what
        is wrong."""
