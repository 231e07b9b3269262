"""One thing done to many recordings: first how many and which of them not, then the deed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response

from ...core.annotations import note_of, tag_of
from ...core.errors import InvalidPolicy
from ...core.roles import Permission, allows
from ...engine.reading import Account
from ..access import address_of, known_id, may
from ..permits import Seer
from ..problems import Problem
from ..retention_desk import desk_of
from ..services import Parts, Services
from .forms import Sheet
from .recordings_list import filter_of
from .rendering import page

router = APIRouter()

#: More are not changed at once.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Deed:
    title: str
    verb: str
    permission: Permission
    field: str = ""


DEEDS = {
    "tag": Deed("Tag recordings", "Put the tag on", Permission.ANNOTATE, "tag"),
    "untag": Deed("Take a tag off", "Take the tag off", Permission.ANNOTATE, "tag"),
    "note": Deed("Put a note on recordings", "Put the note on", Permission.ANNOTATE, "note"),
    "hold": Deed("Put recordings under a legal hold", "Hold", Permission.HOLD, "hold"),
    "trash": Deed("Delete recordings", "Delete", Permission.DELETE, "why"),
}


@router.get("/recordings/act")
async def ask_page(request: Request, parts: Parts, me: Seer) -> Response:
    """For one recording's own menu: it changes nothing."""
    fields = {k: v for k, v in request.query_params.items() if k in ("action", "recording")}
    return await _asked(request, parts, me, Sheet.of(fields))


@router.post("/recordings/act")
async def act(request: Request, parts: Parts, me: Seer) -> Response:
    sheet = await Sheet.sent(request)
    if not sheet.ticked("sure"):
        return await _asked(request, parts, me, sheet)
    deed = _deed(request, sheet)
    ids = await _ids(request, parts, me, sheet)
    try:
        done, refused = await _do(request, parts, me, sheet, ids)
    except InvalidPolicy as error:
        sheet.faults[deed.field] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return await _asked(request, parts, me, sheet, 422)
    back = filter_of(sheet.one("query"), request, parts).query()
    return page(
        request, "recordings_done.html", deed=deed, action=sheet.one("action"), done=done, back=back,
        refused=Counter(refused.values()).most_common(20), left=len(refused),
    )  # fmt: skip


async def _asked(request: Request, parts: Services, me: Account, sheet: Sheet, status: int = 200) -> Response:
    deed, action = _deed(request, sheet), sheet.one("action")
    ids = await _ids(request, parts, me, sheet)
    if not ids:
        raise Problem(422, "No recording is chosen, or none of them is there any more.")
    refused: dict[str, str] = {}
    if action == "trash" and parts.lists:
        refused = await parts.lists.undeletable(me.scope, ids)
    holds = await desk_of(parts).holds(me.scope) if action == "hold" else []
    return page(
        request, "recordings_act.html", status, deed=deed, action=action, sheet=sheet, ids=ids,
        whole=sheet.ticked("all"), can_do=len(ids) - len(refused), most=MOST,
        refused=Counter(refused.values()).most_common(20), left=len(refused), holds=holds,
        query=sheet.one("query"),
    )  # fmt: skip


def _deed(request: Request, sheet: Sheet) -> Deed:
    deed = DEEDS.get(sheet.one("action"))
    if deed is None:
        raise Problem(422, "action: one of " + ", ".join(DEEDS) + ".")
    if not may(request, deed.permission):
        raise Problem(403, f"This needs the permission {deed.permission}.")
    return deed


async def _ids(request: Request, parts: Services, me: Account, sheet: Sheet) -> list[str]:
    """What was chosen, as far as the account sees it. With ``all`` whatever the list shows now."""
    if parts.lists is None:
        raise Problem(503, "This server keeps no lists.")
    if sheet.ticked("all"):
        wanted = filter_of(sheet.one("query"), request, parts)
        if wanted.faults:
            raise Problem(422, wanted.faults[0])
        return await parts.lists.matching(me.scope, wanted.where, MOST)
    ids = [known_id(i, "recording") for i in sheet.many("recording")[:MOST]]
    return await parts.lists.reached(me.scope, ids)


async def _do(
    request: Request, parts: Services, me: Account, sheet: Sheet, ids: list[str]
) -> tuple[int, dict[str, str]]:
    """(how many, why the others not). Raises InvalidPolicy for what nobody may put anywhere."""
    desk, address, action = desk_of(parts), address_of(request), sheet.one("action")
    retained = allows(me.role, Permission.CHANGE_POLICY)
    if action == "trash":
        gone = await desk.trash(me.scope, ids, me.login, sheet.one("why") or "by hand", address)
        return len(gone.done), dict(gone.refused)
    if action == "hold":
        held = {h.hold_id for h in await desk.holds(me.scope)}
        if sheet.one("hold") not in held:
            raise InvalidPolicy("hold: choose one of those in force")
        refused = await desk.hold_recordings(me.scope, sheet.one("hold"), ids, me.login, address)
        return len(ids) - len(refused), refused
    value = note_of(sheet.one("note")) if action == "note" else tag_of(sheet.one("tag"))
    refused = {}
    for recording_id in ids:
        try:
            if action == "note":
                there = await desk.add_note(me.scope, recording_id, value, me.login, parts.new_id(), address)
            elif action == "tag":
                there = await desk.add_tag(
                    me.scope, recording_id, value, me.login, address, retained=retained
                )
            else:
                there = await desk.remove_tag(
                    me.scope, recording_id, value, me.login, address, retained=retained
                )
        except InvalidPolicy as error:
            refused[recording_id] = str(error)
            continue
        if not there:
            refused[recording_id] = "it did not have the tag" if action == "untag" else "it is gone"
    return len(ids) - len(refused), refused
