"""What a capture leaves on its channel, so that who finds it without its row knows what it is.

``<requested, ms since 1970>.<layout>.<both|own>.<kept|provisional|alone>``, of letters and digits alone: it
goes into commands whose arguments are split at spaces and commas.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..core.commands import Layout, OpenCapture
from ..core.facts import CaptureNote

_NOTE = re.compile(r"(\d{1,15})\.([a-z_]{1,20})\.(both|own)\.(kept|provisional|alone)")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def note_of(command: OpenCapture, at: datetime) -> str:
    ms = (at - _EPOCH) // timedelta(milliseconds=1)
    voices = "own" if command.own_voice_only else "both"
    return f"{ms}.{command.layout}.{voices}.{'provisional' if command.provisional else 'kept'}"


def read_note(text: str, *, kept: bool = False) -> CaptureNote | None:
    """None where there is none, or none of ours. ``kept``: it has been started since."""
    match = _NOTE.fullmatch(text)
    if match is None or match[2] not in set(Layout):
        return None
    at = _EPOCH + timedelta(milliseconds=int(match[1]))
    return CaptureNote(
        at,
        match[3] == "own",
        Layout(match[2]),
        provisional=match[4] == "provisional" and not kept,
        alone=match[4] == "alone",
    )
