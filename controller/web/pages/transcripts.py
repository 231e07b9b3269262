"""The transcript on a recording's page: its lines, and which of them a link from the search means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request

from ...core.roles import Permission
from ...core.transcripts import Utterance
from ...engine.reading import Account, Hidden, RecordingDetail
from ...engine.transcribing import TranscriptView
from ..access import may
from ..api.transcripts import read
from ..services import Services


@dataclass(frozen=True, slots=True)
class Line:
    """``sought``: the link that led here means this one."""

    said: Utterance
    sought: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of the text, and of who may hear what."""

    transcript: TranscriptView | None
    lines: tuple[Line, ...]
    start_ms: int | None
    #: What is hidden from others (engine.transcribing.Hidden), and whether these eyes may see it.
    hidden: Hidden
    unredacted: bool


async def shown(request: Request, parts: Services, me: Account, detail: RecordingDetail) -> Shown:
    allowed = may(request, Permission.LISTEN)
    transcript = await read(request, parts, me, detail) if allowed else None
    start = start_of(request.query_params.get("t", ""))
    lines = _lines(transcript.utterances, start) if transcript else ()
    return Shown(transcript, lines, start, detail.hidden, may(request, Permission.SEE_UNREDACTED))


def start_of(text: str) -> int | None:
    """Milliseconds out of a page's address; None if it is anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else None


def _lines(spoken: Sequence[Utterance], start: int | None) -> tuple[Line, ...]:
    inside = [n for n, u in enumerate(spoken) if start is not None and u.from_ms <= start <= u.to_ms]
    return tuple(Line(u, n in inside[:1]) for n, u in enumerate(spoken))
