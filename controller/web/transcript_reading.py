"""Whoever reads what was said is in the audit, of a whole transcript as of the pieces in a search."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import Request

from ..engine.reading import Account, RecordingRow
from .access import address_of
from .changes import note
from .services import Services, web_of


async def note_found(request: Request, parts: Services, me: Account, rows: Iterable[RecordingRow]) -> None:
    """A list that was searched for what was said shows pieces of it: whoever sees them has read them."""
    for row in rows:
        if row.hits:
            await note_read(request, parts, me, row, "what a search found")


async def note_read(request: Request, parts: Services, me: Account, row: RecordingRow, what: str) -> None:
    heard, subject = web_of(request).heard, f"{row.recording_id} transcript"
    # Whoever has read a piece of it has not read the whole: those are two lines, the other way is one.
    if heard.is_new(me.account_id, subject) and heard.is_new(me.account_id, f"{subject} {what}"):
        about = f"recording {row.recording_id}"
        await note(parts, me, "read transcript", about, what, address_of(request), row.tenant)
        heard.note(me.account_id, f"{subject} {what}".strip())
