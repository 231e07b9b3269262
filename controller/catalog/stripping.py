"""Names and numbers out of the rows of a call whose recordings are erased; times and lengths stay."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.parties import Side
from ..core.retention import is_person
from ..engine.media_ports import MediaState
from . import tables as t
from .searching import search_texts

#: What stands where a name was; never a caller's text.
ERASED_TEXT = "erased"

_r, _l, _v = t.recordings.c, t.legs.c, t.call_views.c
_NOTHING_LEFT = [str(MediaState.ERASED), str(MediaState.DISCARDED)]


async def strip_names(connection: AsyncConnection, recording_id: str, tenant: str, person: str) -> bool:
    """Strip the recording's own reason and pauses, and the call's rows unless somebody needs them: a
    recording of it that is kept, or another tenant that took part. False if they were left.

    Of the call, every outside party and the person lose name, number and address; the tenant's other
    users stay who they are. ``person`` "" strips outside parties only.
    """
    row = (await connection.execute(select(t.recordings).where(_r.recording_id == recording_id))).one()
    call_id = row.call_id
    await connection.execute(
        update(t.recordings).where(_r.recording_id == recording_id).values(reason=ERASED_TEXT)
    )
    p = t.pauses.c
    await connection.execute(
        update(t.pauses).where(p.recording_id == recording_id, p.asked_by != "").values(asked_by=ERASED_TEXT)
    )
    await connection.execute(
        update(t.pauses).where(p.recording_id == recording_id, p.ended_by != "").values(ended_by=ERASED_TEXT)
    )
    needed = await connection.execute(
        select(
            exists().where(_r.call_id == call_id, _r.media_state.not_in(_NOTHING_LEFT))
            | exists().where(_v.call_id == call_id, _v.tenant != tenant)
        )
    )
    if needed.scalar():
        return False
    legs = (await connection.execute(select(t.legs).where(_l.call_id == call_id))).all()
    for leg in legs:
        this = (_l.call_id == call_id, _l.position == leg.position)
        await connection.execute(update(t.legs).where(*this).values(_stripped(leg, tenant, person)))
        if leg.user and is_person(person, [leg.user], [leg.number]):
            # By its row of the views, the person's own list would still name the call.
            await connection.execute(
                delete(t.call_views).where(_v.call_id == call_id, _v.tenant == tenant, _v.user == leg.user)
            )
    d, e = t.decisions.c, t.events.c
    await connection.execute(
        update(t.decisions).where(d.call_id == call_id).values(reason=ERASED_TEXT)
    )  # fmt: skip
    await connection.execute(update(t.events).where(e.call_id == call_id).values(detail=""))
    await connection.execute(update(t.calls).where(t.calls.c.call_id == call_id).values(aliases=[]))
    return True


def _stripped(leg: Any, tenant: str, person: str) -> dict[str, Any]:
    meant = is_person(person, [leg.user] if leg.user else [], [leg.number])
    if leg.side == Side.EXTERNAL or leg.tenant != tenant or meant:
        return {
            "user": None, "number": "", "name": "", "dialled": "", "address": None, "aliases": [],
            "search": "", "search_number": "",
        }  # fmt: skip
    # Whom they dialled, and what their phone showed, is the other's number.
    search, search_number = search_texts(leg.number, leg.name, leg.user or "", "")
    return {"dialled": "", "aliases": [], "search": search, "search_number": search_number}
