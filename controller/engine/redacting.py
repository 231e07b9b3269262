"""Spans of a recording that somebody has chosen to be taken out for others: asked for, done, shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .media_ports import StoredFile
from .people import Scope
from .transcribing import TranscriptStore

#: So many there may be in one recording, and so long may be the reason.
MOST_SPANS = 200
LONGEST_WHY = 500


@dataclass(frozen=True, slots=True)
class ChosenSpan:
    """``from_ms``/``to_ms`` on the recording's time line. ``done``: the sound is without it; before that
    nobody hears the recording but who may hear what is redacted. Of one that was taken back, by whom and
    when: others hear it again; before that they hear it beeped over."""

    from_ms: int
    to_ms: int
    by: str
    at: datetime
    why: str
    done: bool
    taken_back_by: str = ""
    taken_back_at: datetime | None = None


class RedactingCatalog(TranscriptStore, Protocol):
    """What taking out reads and writes. Every method is idempotent."""

    async def redactions_due(self, limit: int = 500, after: str = "") -> list[str]:
        """Recordings with chosen spans that the sound, as it is now, is not without, or with some taken back
        that it is still without; by id."""

    async def redaction_done(
        self, recording_id: str, source: str, spans: Sequence[tuple[int, int]],
        given_back: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        """Of the rendition with the SHA-256 ``source`` others hear what is not in these spans, and what is
        in those ``given_back``."""

    async def begin_unredacted(self, file: StoredFile) -> bool:
        """Note in the audit, once, that this redacted rendition is about to be removed, with its SHA-256:
        nothing is to be taken out any more. False, and nothing is changed, if something is, or if it is
        being moved, or another one by now."""

    async def end_unredacted(self, recording_id: str) -> None:
        """It is gone: remove its row, and have the recording sealed as it is now. Was another one made
        meanwhile, it may be that one that is gone: it is due again."""


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

    async def take_back_span(
        self, scope: Scope, recording_id: str, from_ms: int, to_ms: int, by: str, address: str = ""
    ) -> bool:
        """Note it, in the audit too, and have it heard again; until that is done others hear what they
        heard. False if there is no such span of such a recording, or if it was taken back before."""
