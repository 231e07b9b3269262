"""/api/v1/recordings/ID: tags, notes, deletion; /api/v1/trash."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field

from ...core.annotations import LONGEST_MS, LONGEST_NOTE, LONGEST_TAG
from ...core.roles import Permission, allows
from ...engine.reading import Account, RecordingDetail
from ...engine.retention import Annotations
from ..access import Me, address_of, known_id
from ..permits import Annotator, Deleter, Seer
from ..problems import Problem, not_found
from ..retention_desk import desk_of
from ..services import Parts
from .params import Before, Limit
from .recordings import find
from .settings_bodies import Body
from .views import RecordingPage

router = APIRouter(tags=["recordings"])


async def _reached(parts: Parts, me: Me, recording_id: str) -> RecordingDetail:
    return await find(parts, me, recording_id)


#: The recording of the path, if the account may see it; asked before the body is looked at.
Reached = Annotated[RecordingDetail, Depends(_reached)]
Tag = Annotated[str, Path(max_length=4 * LONGEST_TAG)]
Why = Annotated[str, Query(min_length=1, max_length=500, description="Why, for the audit.")]


class NoteBody(Body):
    text: str = Field(max_length=4 * LONGEST_NOTE, description=f"1 to {LONGEST_NOTE} characters.")
    position_ms: int | None = Field(
        None, ge=0, le=LONGEST_MS, description="What moment of the recording it is about; null: all of it."
    )


def _retains(me: Account) -> bool:
    """Whether the account may touch the tags that retention rules are about."""
    return allows(me.role, Permission.CHANGE_POLICY)


@router.get("/recordings/{recording_id}/annotations", summary="Tags, notes and legal holds of a recording")
async def get_annotations(parts: Parts, me: Seer, recording_id: str) -> Annotations:
    found = await desk_of(parts).annotations(me.scope, known_id(recording_id, "recording"))
    if found is None:
        raise not_found("recording")
    return found


@router.put("/recordings/{recording_id}/tags/{tag:path}", status_code=204, summary="Put a tag on a recording")
async def put_tag(request: Request, parts: Parts, me: Annotator, recording_id: str, tag: Tag) -> None:
    known, address = known_id(recording_id, "recording"), address_of(request)
    if not await desk_of(parts).add_tag(me.scope, known, tag, me.login, address, retained=_retains(me)):
        raise not_found("recording")


@router.delete("/recordings/{recording_id}/tags/{tag:path}", status_code=204, summary="Take a tag off")
async def delete_tag(request: Request, parts: Parts, me: Annotator, recording_id: str, tag: Tag) -> None:
    known, address = known_id(recording_id, "recording"), address_of(request)
    if not await desk_of(parts).remove_tag(me.scope, known, tag, me.login, address, retained=_retains(me)):
        raise not_found("tag")


@router.post("/recordings/{recording_id}/notes", status_code=201, summary="Put a note on a recording")
async def post_note(
    request: Request, parts: Parts, me: Annotator, detail: Reached, body: NoteBody
) -> Annotations:
    recording_id, note_id = detail.row.recording_id, parts.new_id()
    await desk_of(parts).add_note(
        me.scope, recording_id, body.text, me.login, note_id, address_of(request),
        position_ms=body.position_ms,
    )  # fmt: skip
    return await get_annotations(parts, me, recording_id)


@router.delete(
    "/recordings/{recording_id}/notes/{note_id}", status_code=204, summary="Take a note off a recording"
)
async def delete_note(request: Request, parts: Parts, me: Annotator, recording_id: str, note_id: str) -> None:
    """One's own; whoever may delete recordings takes others' off, too."""
    others = allows(me.role, Permission.DELETE)
    known, note = known_id(recording_id, "recording"), known_id(note_id, "note")
    if not await desk_of(parts).remove_note(
        me.scope, known, note, me.login, address_of(request), others=others
    ):  # fmt: skip
        raise not_found("note")


@router.delete("/recordings/{recording_id}", status_code=204, summary="Put a recording into the trash")
async def delete_recording(
    request: Request, parts: Parts, me: Deleter, detail: Reached, why: Why = "by hand"
) -> None:
    """It can be restored until the tenant's `trash_days` are over. 409 where a hold or a rule keeps it."""
    recording_id = detail.row.recording_id
    result = await desk_of(parts).trash(me.scope, [recording_id], me.login, why, address_of(request))
    if refused := result.refused.get(recording_id):
        raise Problem(409, f"The recording cannot be deleted: {refused}.")
    parts.poke_retention()


@router.get("/trash", summary="Deleted recordings, the latest first")
async def get_trash(parts: Parts, me: Deleter, limit: Limit = 50, before: Before = None) -> RecordingPage:
    try:
        page = await desk_of(parts).trash_page(me.scope, limit=limit, before=before)
    except ValueError as error:
        raise Problem(422, "before is not a key that this list has given.") from error
    return RecordingPage(items=list(page.items), next=page.next)


@router.post("/trash/{recording_id}/restore", status_code=204, summary="Take a recording out of the trash")
async def restore(request: Request, parts: Parts, me: Deleter, recording_id: str) -> None:
    known = known_id(recording_id, "recording")
    if not await desk_of(parts).restore(me.scope, known, me.login, address_of(request)):
        raise not_found("recording in the trash")


@router.delete("/trash/{recording_id}", status_code=204, summary="Remove a deleted recording for good, now")
async def purge(request: Request, parts: Parts, me: Deleter, recording_id: str) -> None:
    known = known_id(recording_id, "recording")
    why = await desk_of(parts).purge_now(me.scope, known, me.login, address_of(request))
    if why.startswith("it is not"):
        raise not_found("recording in the trash")
    if why:
        raise Problem(409, f"The recording cannot be removed: {why}.")
    parts.poke_retention()
