"""Spans that somebody has chosen are taken out of a recording's sound, beside the digits."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

import structlog

from ..core.options import Redaction
from ..core.redaction import merged
from ..engine.media_ports import HOME, FileRole, StoredFile
from ..engine.redacting import RedactingCatalog
from ..engine.transcribing import Wanted
from .encoders import Encoders
from .errors import MediaError
from .redact_audio import redact
from .shelves import Stores

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
        # Digits that were found in another sound lie elsewhere: whoever listens to this one takes them out,
        # and nobody else hears it before.
        encoded = wanted.rendition.role is FileRole.ENCODED
        if stored is not None and (encoded or stored[0].source == wanted.rendition.sha256):
            digits = stored[0].spans if stored[1] is Redaction.AUDIO else ()
        files = {f.role: f for f in await self._catalog.files(recording_id)}
        old = files.get(FileRole.REDACTED)
        await keep_redacted(self._catalog, self._stores, self._encoders, wanted, digits, old)
        await self._catalog.redaction_done(recording_id, wanted.rendition.sha256, wanted.chosen)
        return True


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
