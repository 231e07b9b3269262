"""Spans that somebody has chosen are taken out of a recording's sound, beside the digits; and put back into
sound and text when somebody has taken that back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from ..core.options import Redaction
from ..core.redaction import merged
from ..core.transcripts import InvalidTranscript, Transcript, from_json
from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, FileRole, StoredFile
from ..engine.redacting import RedactingCatalog
from ..engine.transcribing import Wanted
from .encoders import Encoders
from .errors import MediaError, StoreAway, StoreError
from .shelves import Stores, checked

log = structlog.get_logger(__name__)

_PAGE = 200


class Files(Protocol):
    async def add_file(self, file: StoredFile) -> None: ...


class ChosenSpans:
    """Whoever asks has hidden the recording already; this makes what others may hear of it."""

    def __init__(self, catalog: RedactingCatalog, stores: Stores, encoders: Encoders | None = None) -> None:
        self._catalog = catalog
        self._stores = stores
        self._encoders = encoders or Encoders()
        self._told: set[str] = set()

    async def round(self) -> int:
        """All that there is to be done, once; answers how many were."""
        done, after = 0, ""
        failed: set[str] = set()
        while page := await self._catalog.redactions_due(_PAGE, after):
            after = page[-1]
            for recording_id in page:
                try:
                    done += await self.redact(recording_id)
                except (MediaError, OSError) as error:
                    failed.add(recording_id)
                    if recording_id not in self._told:
                        log.warning("a span is not taken out", recording=recording_id, why=str(error))
        self._told = failed
        return done

    async def redact(self, recording_id: str) -> bool:
        """Idempotent; False if there is nothing to be played. Raises MediaError, OSError."""
        wanted = await self._catalog.wanted_transcript(recording_id)
        if wanted is None:
            return False
        stored = await self._catalog.stored_transcript(recording_id)
        digits: Sequence[tuple[int, int]] = ()
        elsewhere = False
        if stored is not None and stored[1] is Redaction.AUDIO:
            # Digits that were found in another sound lie elsewhere: whoever listens to this one takes them
            # out, and nobody else hears it before.
            encoded = wanted.rendition.role is FileRole.ENCODED
            elsewhere = not encoded and stored[0].source != wanted.rendition.sha256
            digits = () if elsewhere else stored[0].spans
        files = {f.role: f for f in await self._catalog.files(recording_id)}
        old = files.get(FileRole.REDACTED)
        if wanted.given_back and stored is not None:
            await self._give_words_back(recording_id, *stored, files.get(FileRole.TRANSCRIPT))
        if digits or wanted.chosen:
            await keep_redacted(self._catalog, self._stores, self._encoders, wanted, digits, old)
        elif old is not None and not elsewhere:
            await self._remove(old)
        done = wanted.rendition.sha256, wanted.chosen, wanted.given_back
        await self._catalog.redaction_done(recording_id, *done)
        return True

    async def _give_words_back(
        self, recording_id: str, known: Transcript, done: Redaction, kept: StoredFile | None
    ) -> None:
        whole = await whole_text(self._stores, known, kept)
        if whole is not known and (whole.redacted or done is Redaction.OFF):
            # What is still chosen is left out of the rows once more.
            await self._catalog.set_transcript(recording_id, whole, done)

    async def _remove(self, old: StoredFile) -> None:
        """Nothing is to be taken out any more. Killed between any two steps, the next round does the rest."""
        if not await self._catalog.begin_unredacted(old):
            raise StoreError(f"{old.key} is being moved or made anew: it is looked at again")
        crash_point("unredacted.noted")
        await asyncio.to_thread(self._stores.delete, old)
        crash_point("unredacted.removed")
        await self._catalog.end_unredacted(old.recording_id)


async def whole_text(stores: Stores, known: Transcript, kept: StoredFile | None) -> Transcript:
    """The transcript with the words that chosen spans hide, out of its file, which has them all; ``known``
    (of the rows) if there is no such file. Raises StoreAway."""
    if kept is None:
        return known
    try:
        read = await asyncio.to_thread(lambda: b"".join(checked(stores.read(kept), kept)))
        whole = from_json(read)
    except StoreAway:
        raise
    except (StoreError, InvalidTranscript) as error:
        log.warning("the words of a transcript stay hidden", recording=kept.recording_id, why=str(error))
        return known
    return whole if whole.source == known.source else known


async def keep_redacted(
    catalog: Files,
    stores: Stores,
    encoders: Encoders,
    wanted: Wanted,
    digits: Sequence[tuple[int, int]],
    old: StoredFile | None,
) -> None:
    """Put the rendition without all that is to be taken out of it in the place of the last one."""
    said = [
        _count(len(digits), "run of digits", "runs of digits"),
        _count(len(wanted.chosen), "chosen span", "chosen spans"),
    ]
    from .redact_audio import redact  # late: it brings pydub, and most recordings are not redacted

    note = f"{' and '.join(filter(None, said)) or 'nothing'} taken out"
    spans = merged([*digits, *wanted.chosen])
    made = await asyncio.to_thread(redact, stores, encoders, wanted.rendition, spans, note)
    await replace_file(catalog, stores, made, old)


async def replace_file(catalog: Files, stores: Stores, new: StoredFile, old: StoredFile | None) -> None:
    """An older one, elsewhere or sealed, says what this one shall not say any more: it goes first."""
    elsewhere = old is not None and (old.store != HOME or bool(old.sealing) or old.key != new.key)
    if old is not None and elsewhere and old.sha256 != new.sha256:
        await asyncio.to_thread(stores.delete, old)
    await catalog.add_file(new)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}" if number else ""
