"""Call Statistics › Call Recordings: the list, and the page of one recording."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ...engine.media_ports import FileRole
from ...engine.reading import FileRow
from ..api.proof import seal_of
from ..api.recordings import find
from ..media_files import MEDIA_TYPES
from ..permits import Seer
from ..services import Parts
from . import filters
from .rendering import page, zone
from .timeline import by_day, pause_spans

router = APIRouter()

_ROLES = [str(role) for role in (FileRole.RENDITION, FileRole.SEGMENT, *FileRole)]

PER_PAGE = 50


@router.get("/recordings")
async def recordings_page(request: Request, parts: Parts, me: Seer) -> Response:
    wanted = filters.read(request, zone(request))
    try:
        found = await parts.reader.recordings(me.scope, wanted.where, limit=PER_PAGE, before=wanted.before)
    except ValueError:
        wanted.faults.append("That page is not to be had; this is the first one.")
        wanted.before = None
        found = await parts.reader.recordings(me.scope, wanted.where, limit=PER_PAGE)
    days = by_day(found.items, zone(request))
    return page(
        request, "recordings.html", filter=wanted, days=days, count=len(found.items), next=found.next,
        directions=filters.DIRECTIONS,
    )  # fmt: skip


@router.get("/recordings/{recording_id}")
async def recording_page(request: Request, parts: Parts, me: Seer, recording_id: str) -> Response:
    detail = await find(parts, me, recording_id)
    file = detail.playable
    call = await parts.reader.call(me.scope, detail.row.call_id)
    length = (file.duration_ms if file else 0) or detail.row.duration_ms
    return page(
        request, "recording.html", detail=detail, row=detail.row, file=file, length=length, call=call,
        spans=pause_spans(detail.pauses, length), files=sorted(detail.files, key=_shelf),
        media_type=MEDIA_TYPES.get(file.format, "") if file else "",
        seal=await seal_of(parts, me, recording_id),
    )  # fmt: skip


def _shelf(file: FileRow) -> tuple[bool, int, int]:
    """The whole recording first, then each segment with what was beside it."""
    return file.role != FileRole.RENDITION, file.number, _ROLES.index(file.role)
