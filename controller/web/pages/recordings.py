"""Call Statistics › Call Recordings: the page of one recording."""

from __future__ import annotations

import secrets
from pathlib import Path

from fastapi import APIRouter, Request, Response

from ...core.roles import Permission
from ...engine.media_ports import FileRole
from ...engine.reading import FileRow, RecordingDetail
from ..access import may
from ..api.proof import seal_of
from ..api.recordings import find
from ..api.waveforms import view_of
from ..headers import with_nonce
from ..language import _
from ..media_files import MEDIA_TYPES
from ..permits import Seer
from ..problems import Problem
from ..services import Parts, Services
from ..waveforms import Waveform, spans
from . import choices
from .annotating import shown as annotations_on
from .redacting import shown as redactions_on
from .rendering import page
from .timeline import drawn_spans, shares
from .transcripts import shown as spoken_on

router = APIRouter()

#: Without npm at the installation there is none, and the player does without.
_LIBRARY = (Path(__file__).parent.parent / "static/vendor/wavesurfer.js").exists()

_ROLES = [str(role) for role in (FileRole.RENDITION, FileRole.SEGMENT, *FileRole)]


@router.get("/recordings/{recording_id}")
async def recording_page(request: Request, parts: Parts, me: Seer, recording_id: str) -> Response:
    detail = await find(parts, me, recording_id, request)
    file = detail.playable
    call = await parts.reader.call(me.scope, detail.row.call_id)
    length = (file.duration_ms if file else 0) or detail.row.duration_ms
    what_happened = spans(detail, call)
    wave = await _waveform(parts, detail) if may(request, Permission.LISTEN) else None
    view = view_of(detail, length, what_happened, await wave.talk()) if wave else None
    nonce = secrets.token_urlsafe(16)
    response = page(
        request, "recording.html", detail=detail, row=detail.row, file=file, length=length, call=call,
        spans=drawn_spans(what_happened, length), files=sorted(detail.files, key=_shelf),
        media_type=MEDIA_TYPES.get(file.format, "") if file else "", nonce=nonce,
        waveform=wave is not None, library=_LIBRARY,
        shares=shares(view) if view else [], names=_names(detail), view=view,
        seal=await seal_of(parts, me, recording_id), formats=choices.FORMAT_NAMES,
        **await annotations_on(parts, me, detail.row), **await redactions_on(request, parts, me, detail.row),
        spoken=await spoken_on(request, parts, me, detail),
    )  # fmt: skip
    response.headers["content-security-policy"] = with_nonce(nonce)
    return response


async def _waveform(parts: Services, detail: RecordingDetail) -> Waveform | None:
    try:
        return await Waveform.open(parts.store, detail)
    except Problem:
        return None  # not drawn yet, or its store is away: the player does without


def _names(detail: RecordingDetail) -> list[str]:
    """What stands beside each channel's waveform."""
    if detail.playable is None or detail.playable.channels != 2:
        return [_("Everybody")]
    sides = detail.channels or ("", "")
    return [side or _("Channel %(number)s", number=n) for n, side in enumerate(sides, 1)]


def _shelf(file: FileRow) -> tuple[bool, int, int]:
    """The whole recording first, then each segment with what was beside it."""
    return file.role != FileRole.RENDITION, file.number, _ROLES.index(file.role)
