"""What may be done to many recordings at once, and doing it: in a request, or behind one."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import Request

from ..core.annotations import note_of, tag_of
from ..core.errors import InvalidPolicy
from ..core.roles import Permission, allows
from ..engine.reading import Account
from .access import may
from .language import N_, ngettext
from .problems import Problem
from .retention_desk import desk_of
from .services import Services

#: More are not changed at once.
MOST = 2_000


@dataclass(frozen=True, slots=True)
class Deed:
    """``field``: what else has to be said for it."""

    title: str
    permission: Permission
    field: str = ""


DEEDS = {
    "tag": Deed(N_("Tag recordings"), Permission.ANNOTATE, "tag"),
    "untag": Deed(N_("Take a tag off"), Permission.ANNOTATE, "tag"),
    "note": Deed(N_("Put a note on recordings"), Permission.ANNOTATE, "note"),
    "hold": Deed(N_("Put recordings under a legal hold"), Permission.HOLD, "hold"),
    "trash": Deed(N_("Delete recordings"), Permission.DELETE, "why"),
    "zip": Deed(N_("Recordings as a ZIP"), Permission.EXPORT),
}


def on(action: str, number: int) -> str:
    """What the button says that does it."""
    match action:
        case "tag":
            return ngettext("Put the tag on %(num)s recording", "Put the tag on %(num)s recordings", number)
        case "untag":
            return ngettext(
                "Take the tag off %(num)s recording", "Take the tag off %(num)s recordings", number
            )
        case "note":
            return ngettext("Put the note on %(num)s recording", "Put the note on %(num)s recordings", number)
        case "hold":
            return ngettext("Hold %(num)s recording", "Hold %(num)s recordings", number)
        case "trash":
            return ngettext("Delete %(num)s recording", "Delete %(num)s recordings", number)
        case _other:
            return ngettext("Make a ZIP of %(num)s recording", "Make a ZIP of %(num)s recordings", number)


def deed_of(request: Request, action: str) -> Deed:
    """Raises Problem 422 for an action that there is not, 403 for one that is not the account's."""
    deed = DEEDS.get(action)
    if deed is None:
        raise Problem(422, "action: one of " + ", ".join(DEEDS) + ".")
    if not may(request, deed.permission):
        raise Problem(403, f"This needs the permission {deed.permission}.")
    return deed


async def refusals(parts: Services, me: Account, action: str, ids: list[str]) -> dict[str, str]:
    """Why some of them would be refused, as far as that is known before."""
    if action == "trash" and parts.lists:
        return await parts.lists.undeletable(me.scope, ids)
    return {}


async def checked(parts: Services, me: Account, action: str, value: str) -> str:
    """The value as it is kept. Raises InvalidPolicy, which names the field."""
    match action:
        case "note":
            return note_of(value)
        case "tag" | "untag":
            return tag_of(value)
        case "hold":
            if value not in {h.hold_id for h in await desk_of(parts).holds(me.scope)}:
                raise InvalidPolicy("hold: choose one of those in force")
        case "trash":
            return value or "by hand"
    return value


async def do(
    parts: Services, me: Account, action: str, value: str, ids: list[str], address: str
) -> dict[str, str]:
    """Why it was not done to these; to the others it was. Each is in the audit."""
    desk, retained = desk_of(parts), allows(me.role, Permission.CHANGE_POLICY)
    if action == "trash":
        gone = await desk.trash(me.scope, ids, me.login, value, address)
        parts.poke_retention()
        return dict(gone.refused)
    if action == "hold":
        return dict(await desk.hold_recordings(me.scope, value, ids, me.login, address))
    refused: dict[str, str] = {}
    for one in ids:
        try:
            if action == "note":
                there = await desk.add_note(me.scope, one, value, me.login, parts.new_id(), address)
            elif action == "tag":
                there = await desk.add_tag(me.scope, one, value, me.login, address, retained=retained)
            else:
                there = await desk.remove_tag(me.scope, one, value, me.login, address, retained=retained)
        except InvalidPolicy as error:
            refused[one] = str(error)
            continue
        if not there:
            refused[one] = "it did not have the tag" if action == "untag" else "it is gone"
    return refused
