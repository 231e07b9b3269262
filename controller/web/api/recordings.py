"""/api/v1/recordings: find, look at, listen to and download recordings."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from ...core.roles import Permission
from ...engine.media_ports import FileRole
from ...engine.reading import Account, RecordingDetail, Sound
from ..access import address_of, known_id, may
from ..changes import note
from ..formats import WantedFormat, piece, to_keep, to_play
from ..media_files import serve
from ..permits import Downloader, Listener, Seer
from ..problems import Problem, not_found
from ..redaction import Unredacted, may_have, to_hear
from ..services import Parts, Services, web_of
from ..transcript_reading import note_found
from .params import Before, Limit, ListWhere
from .views import RecordingPage, RecordingView

router = APIRouter(tags=["recordings"])

#: What the audit says of whoever got what others may not hear.
UNREDACTED = "unredacted"


_SAID = (
    "What was said in it: words or beginnings of words, all of them, and phrases in double quotes. "
    "Each item then has its `hits`. Needs the permission `listen`."
)


@router.get("/recordings", summary="Recordings, by any filter, in the order asked for")
async def list_recordings(
    request: Request,
    parts: Parts,
    me: Seer,
    where: ListWhere,
    text: Annotated[str, Query(max_length=500, description=_SAID)] = "",
    limit: Limit = 50,
    before: Before = None,
) -> RecordingPage:
    text = text.strip() or where.text
    where = replace(where, text="", spoken=may(request, Permission.LISTEN))
    if text:
        if not where.spoken:
            raise Problem(403, f"To search what was said needs the permission {Permission.LISTEN}.")
        where = replace(where, text=text)
    try:
        page = await parts.reader.recordings(me.scope, where, limit=limit, before=before)
    except ValueError as error:
        raise Problem(422, "before is not a key that this list has given.") from error
    await note_found(request, parts, me, page.items)
    return RecordingPage(
        items=list(page.items), next=page.next, unfinished=page.unfinished, reached=page.reached
    )


async def find(
    parts: Services, me: Account, recording_id: str, request: Request | None = None
) -> RecordingDetail:
    """The recording, if the account may see it. With the request of what hands out files: those of one that
    nothing but a legal hold keeps too, for whoever may hear that. Raises 404."""
    withheld = request is not None and may(request, Permission.HEAR_WITHHELD)
    detail = await parts.reader.recording(
        me.scope, known_id(recording_id, "recording"), withheld=withheld
    )  # fmt: skip
    if detail is None:
        raise not_found("recording")
    return detail


async def find_sound(request: Request, parts: Services, me: Account, recording_id: str) -> Sound:
    """The same as far as its files go, for what hands them out."""
    withheld = may(request, Permission.HEAR_WITHHELD)
    sound = await parts.reader.sound_of(me.scope, known_id(recording_id, "recording"), withheld=withheld)
    if sound is None:
        raise not_found("recording")
    return sound


@router.get("/recordings/{recording_id}", summary="One recording with its pauses, segments and files")
async def get_recording(request: Request, parts: Parts, me: Seer, recording_id: str) -> RecordingView:
    return RecordingView.of(await find(parts, me, recording_id, request))


_BYTES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file."},
    206: {"description": "The part asked for by Range."},
}


async def listen(
    request: Request, parts: Parts, me: Listener, recording_id: str, unredacted: Unredacted = False,
    wanted: WantedFormat = None,
) -> Response:  # fmt: skip
    """The whole recording in one file, to be played. Ranges are served. What is kept as AMR alone is decoded
    on the way."""
    sound = await find_sound(request, parts, me, recording_id)
    file, whole = to_hear(request, sound, unredacted)
    response = await to_play(parts, sound, file, wanted)
    if request.method != "HEAD":
        await _note_heard(request, parts, me, sound, UNREDACTED if whole else "")
    return response


async def download(
    request: Request, parts: Parts, me: Downloader, recording_id: str, unredacted: Unredacted = False,
    wanted: WantedFormat = None,
) -> Response:  # fmt: skip
    """The whole recording in one file, to be kept: in the tenant's format, or in another one, which is
    converted now. Its name is made of time and id. 503 with Retry-After while too many are converted."""
    sound = await find_sound(request, parts, me, recording_id)
    file, whole = to_hear(request, sound, unredacted)
    response = await to_keep(parts, sound, file, wanted)
    if request.method != "HEAD":
        what = [str(wanted)] * (wanted is not None) + [UNREDACTED] * whole
        await _note(request, parts, me, sound, "download", ", ".join(what))
    return response


async def get_clip(
    request: Request, parts: Parts, me: Downloader, recording_id: str,
    from_ms: Annotated[
        int, Query(ge=0, description="Where it begins, on the recording's own time line; its start.")
    ] = 0,
    to_ms: Annotated[int | None, Query(gt=0, description="Where it ends; its end.")] = None,
    unredacted: Unredacted = False,
    wanted: WantedFormat = None,
) -> Response:  # fmt: skip
    """A piece of an audio recording, to be kept: from one moment to another, with soft edges."""
    sound = await find_sound(request, parts, me, recording_id)
    file, whole = to_hear(request, sound, unredacted)
    to_ms = file.duration_ms if to_ms is None else to_ms
    response = await piece(parts, sound, file, (from_ms, to_ms), wanted)
    if request.method != "HEAD":
        what = [f"{from_ms} to {to_ms} ms"] + [UNREDACTED] * whole
        await _note(request, parts, me, sound, "download", ", ".join(what))
    return response


async def get_file(
    request: Request, parts: Parts, me: Downloader, recording_id: str,
    role: FileRole,
    number: Annotated[int, Path(ge=0, le=1_000_000)],
) -> Response:  # fmt: skip
    """One of the recording's files: the `rendition`, which is the whole; a `segment` as the switch wrote it;
    or what was beside it: `mix`, `rx` (what the switch received from the leg), `tx` (what the leg heard);
    or what was made of it."""
    sound = await find_sound(request, parts, me, recording_id)
    file = next((f for f in sound.files if f.role == role and f.number == number), None)
    if file is None:
        raise not_found("file")
    allowed, whole = may_have(request, sound, file)
    if not allowed:
        raise Problem(403, f"This needs the permission {Permission.SEE_UNREDACTED}.")
    response = await serve(parts.store, sound, file, attachment=True)
    if request.method != "HEAD":
        what = f"{role} {number}" + (f", {UNREDACTED}" if whole else "")
        await _note(request, parts, me, sound, "download", what)
    return response


for _path, _endpoint, _summary in (
    ("/recordings/{recording_id}/audio", listen, "Listen"),
    ("/recordings/{recording_id}/download", download, "Download"),
    ("/recordings/{recording_id}/clip", get_clip, "A clip"),
    ("/recordings/{recording_id}/files/{role}/{number}", get_file, "One file of a recording"),
):
    router.add_api_route(
        _path, _endpoint, methods=["GET"], response_class=Response, responses=_BYTES, summary=_summary
    )
    router.add_api_route(_path, _endpoint, methods=["HEAD"], response_class=Response, include_in_schema=False)


async def _note_heard(request: Request, parts: Services, me: Account, sound: Sound, what: str) -> None:
    heard, subject = web_of(request).heard, f"{sound.recording_id} {what}".strip()
    if heard.is_new(me.account_id, subject):
        await _note(request, parts, me, sound, "listen", what)
        heard.note(me.account_id, subject)


async def _note(request: Request, parts: Services, me: Account, sound: Sound, action: str, what: str) -> None:
    subject = f"recording {sound.recording_id}"
    await note(parts, me, action, subject, what, address_of(request), sound.tenant)
