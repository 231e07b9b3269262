"""The recording page's small forms: tags, notes, legal holds, and the way into the trash."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.annotations import LONGEST_NOTE
from ...core.errors import InvalidPolicy
from ...core.roles import Permission, allows
from ...engine.reading import Account, RecordingRow, Scope
from ..access import address_of, known_id
from ..permits import Annotator, Deleter, Holder
from ..problems import Problem, not_found
from ..retention_desk import desk_of
from ..services import Parts, Services
from .forms import Sheet

router = APIRouter()

#: More than may be kept, so that what is too long is refused and not cut.
_NOTE = {"text": 4 * LONGEST_NOTE}


async def shown(parts: Services, me: Account, row: RecordingRow) -> dict[str, Any]:
    """What annotations.html shows. The holds' names are for those who put them or see the rules."""
    found = await parts.retention.annotations(me.scope, row.recording_id) if parts.retention else None
    may_hold = allows(me.role, Permission.HOLD)
    holds = await parts.retention.holds(Scope(row.tenant)) if parts.retention and may_hold else []
    over = {hold.hold_id for hold in found.holds} if found else set()
    return {
        "annotated": found, "may_hold": may_hold, "more_holds": [h for h in holds if h.hold_id not in over],
        "may_annotate": allows(me.role, Permission.ANNOTATE),
        "may_delete": allows(me.role, Permission.DELETE),
        "may_name_holds": may_hold or allows(me.role, Permission.SEE_POLICY),
    }  # fmt: skip


@router.post("/recordings/{recording_id}/annotate")
async def annotate(request: Request, parts: Parts, me: Annotator, recording_id: str) -> Response:
    """A tag on or off, a note on or off."""
    known, sheet = known_id(recording_id, "recording"), await Sheet.sent(request, _NOTE)
    desk, address = desk_of(parts), address_of(request)
    retained, others = allows(me.role, Permission.CHANGE_POLICY), allows(me.role, Permission.DELETE)
    tag = sheet.one("tag")
    # A recording out of reach is not there, whatever else is wrong.
    if await desk.annotations(me.scope, known) is None:
        raise not_found("recording")
    try:
        match sheet.one("do"):
            case "untag":
                done = await desk.remove_tag(me.scope, known, tag, me.login, address, retained=retained)
            case "note":
                text, at = sheet.one("text"), _moment(sheet.one("position_ms"))
                done = await desk.add_note(
                    me.scope, known, text, me.login, parts.new_id(), address, position_ms=at
                )
            case "unnote":
                note = known_id(sheet.one("note_id"), "note")
                done = await desk.remove_note(me.scope, known, note, me.login, address, others=others)
            case _:
                done = await desk.add_tag(me.scope, known, tag, me.login, address, retained=retained)
    except InvalidPolicy as error:
        raise Problem(422, f"{error}.") from error
    if not done:
        raise not_found("recording")
    return _back(known)


@router.post("/recordings/{recording_id}/hold")
async def hold(request: Request, parts: Parts, me: Holder, recording_id: str) -> Response:
    """Under a legal hold that is there, or out from under one that names it."""
    known, sheet = known_id(recording_id, "recording"), await Sheet.sent(request)
    desk, address = desk_of(parts), address_of(request)
    if await desk.annotations(me.scope, known) is None:
        raise not_found("recording")
    hold_id = known_id(sheet.one("hold_id"), "legal hold")
    if sheet.one("do") == "release":
        if not await desk.unhold_recording(me.scope, hold_id, known, me.login, address):
            raise not_found("recording under that legal hold")
    elif hold_id not in {h.hold_id for h in await desk.holds(me.scope)}:
        raise not_found("legal hold")
    elif why := (await desk.hold_recordings(me.scope, hold_id, [known], me.login, address)).get(known):
        raise Problem(409, f"The recording cannot be held: {why}.")
    return _back(known)


@router.post("/recordings/{recording_id}/delete")
async def delete(request: Request, parts: Parts, me: Deleter, recording_id: str) -> Response:
    """Into the trash, with a reason."""
    known, sheet = known_id(recording_id, "recording"), await Sheet.sent(request)
    desk = desk_of(parts)
    if await desk.annotations(me.scope, known) is None:
        raise not_found("recording")
    if not sheet.one("why"):
        raise Problem(422, "Say why the recording is deleted: it is kept in the audit.")
    result = await desk.trash(me.scope, [known], me.login, sheet.one("why"), address_of(request))
    if why := result.refused.get(known, ""):
        raise Problem(409, f"The recording cannot be deleted: {why}.")
    return RedirectResponse("/trash", 303)


def _moment(text: str) -> int | None:
    """Milliseconds, as the player writes them; "" for a note about all of it. Raises InvalidPolicy."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 12):
        raise InvalidPolicy("position_ms: whole milliseconds from the recording's beginning")
    return int(text)


def _back(recording_id: str) -> Response:
    return RedirectResponse(f"/recordings/{recording_id}#marks", 303)
