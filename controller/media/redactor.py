"""What is taken out of recordings later: digits, when a tenant begins to want that, and chosen spans."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from ..engine.transcribing import TranscriptStore
from .errors import MediaError
from .redacting import ChosenSpans
from .transcribe import Transcribe

log = structlog.get_logger(__name__)

_PAGE = 200


class Redactor:
    """Until a text is redacted nothing is found in it (catalog.terms), so it is looked often. It listens to
    nothing, and so works without any model."""

    def __init__(
        self, catalog: TranscriptStore, task: Transcribe, chosen: ChosenSpans, *, poll_s: float = 30.0
    ) -> None:
        self._catalog = catalog
        self._task = task
        self._chosen = chosen
        self._wake = asyncio.Event()
        self._poll_s = poll_s
        self._told: set[str] = set()

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            self._wake.clear()
            try:
                if done := await self._chosen.round():
                    log.info("chosen spans were taken out", recordings=done)
                if done := await self.round():
                    log.info("older transcripts were redacted", recordings=done)
            except Exception as error:
                # The database is away, say: what is not redacted is not found meanwhile.
                log.warning("older transcripts could not be redacted", why=f"{type(error).__name__}: {error}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._poll_s):
                    await self._wake.wait()

    def poke(self) -> None:
        """Something was chosen: look at once. To be called on the event loop."""
        self._wake.set()

    async def round(self) -> int:
        """All that there is to be done, once; answers how many were."""
        done, after = 0, ""
        failed: set[str] = set()
        while page := await self._catalog.unredacted(_PAGE, after):
            after = page[-1]
            for recording_id in page:
                try:
                    done += await self._task.redact(recording_id)
                except (MediaError, OSError) as error:
                    failed.add(recording_id)
                    if recording_id not in self._told:
                        log.warning("a transcript is not redacted", recording=recording_id, why=str(error))
        self._told = failed
        return done
