"""One thing done to many recordings: first how many and which of them not, then the deed.

What was confirmed is what is done: the recordings are chosen once, when it is asked, and kept until it is
confirmed. Many are worked on behind the request, with their progress on a page.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.errors import InvalidPolicy
from ...engine.batches import Batch, BatchState
from ...engine.reading import Account
from ..access import address_of, known_id
from ..batch_work import KEPT
from ..deeds import MOST, Deed, checked, deed_of, do, on, refusals
from ..permits import Seer
from ..problems import Problem
from ..retention_desk import desk_of
from ..services import Parts, Services
from .batches import poke, store_of
from .forms import MOST_VALUES, Sheet
from .recordings_list import filter_of
from .rendering import page

router = APIRouter()

#: So many are done while one waits.
AT_ONCE = 50


@router.get("/recordings/act")
async def ask_page(request: Request, parts: Parts, me: Seer) -> Response:
    """For one recording's own menu: it changes nothing."""
    fields = {k: v for k, v in request.query_params.items() if k in ("action", "recording")}
    return await _asked(request, parts, me, Sheet.of(fields))


@router.post("/recordings/act")
async def act(request: Request, parts: Parts, me: Seer) -> Response:
    sheet = await Sheet.sent(request, {"note": 8_000})
    if not sheet.ticked("sure"):
        return await _asked(request, parts, me, sheet)
    deed, action = _deed(request, sheet), sheet.one("action")
    chosen = await _chosen(parts, me, sheet)
    ids = list(chosen.ids) if chosen else await _ids(request, parts, me, sheet)
    try:
        value = await checked(parts, me, action, sheet.one(deed.field) if deed.field else "")
    except InvalidPolicy as error:
        sheet.faults[deed.field] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return await _asked(request, parts, me, sheet, 422)
    if action == "zip" or len(ids) > AT_ONCE:
        batch_id = await _start(request, parts, me, sheet, chosen, value, ids)
        return RedirectResponse(f"/batches/{batch_id}", 303)
    if chosen and not await store_of(parts).remove_batch(me.account_id, chosen.batch_id):
        raise Problem(409, "This was confirmed already.")
    refused = await do(parts, me, action, value, ids, address_of(request))
    back = filter_of(sheet.one("query"), request, parts).query()
    return page(
        request, "recordings_done.html", deed=deed, action=action, done=len(ids) - len(refused), back=back,
        refused=Counter(refused.values()).most_common(20), left=len(refused),
    )  # fmt: skip


async def _start(
    request: Request, parts: Services, me: Account, sheet: Sheet, chosen: Batch | None, value: str,
    ids: list[str],
) -> str:  # fmt: skip
    """It waits for its turn from now on. Raises Problem 409 for what was confirmed twice."""
    store = store_of(parts)
    batch = chosen or _batch(request, parts, me, sheet, ids)
    if chosen is None:
        await store.add_batch(batch)
    if not await store.start_batch(me.account_id, batch.batch_id, value):
        raise Problem(409, "This was confirmed already.")
    poke(request)
    return batch.batch_id


async def _asked(request: Request, parts: Services, me: Account, sheet: Sheet, status: int = 200) -> Response:
    deed, action = _deed(request, sheet), sheet.one("action")
    chosen = await _chosen(parts, me, sheet)
    ids = list(chosen.ids) if chosen else await _ids(request, parts, me, sheet)
    if not ids:
        raise Problem(422, "No recording is chosen, or none of them is there any more.")
    if chosen is None and sheet.ticked("all"):
        chosen = _batch(request, parts, me, sheet, ids)
        await store_of(parts).add_batch(chosen)
    refused = await refusals(parts, me, action, ids)
    holds = await desk_of(parts).holds(me.scope) if action == "hold" else []
    return page(
        request, "recordings_act.html", status, deed=deed, deed_on=on, action=action, sheet=sheet, ids=ids,
        batch=chosen.batch_id if chosen else "", can_do=len(ids) - len(refused), most=MOST,
        refused=Counter(refused.values()).most_common(20), left=len(refused), holds=holds,
        query=sheet.one("query"), behind=action == "zip" or len(ids) > AT_ONCE,
        hours=int(KEPT.total_seconds() // 3600),
    )  # fmt: skip


def _deed(request: Request, sheet: Sheet) -> Deed:
    return deed_of(request, sheet.one("action"))


async def _chosen(parts: Services, me: Account, sheet: Sheet) -> Batch | None:
    """What was asked about, as it was chosen then; as far as the account still sees it."""
    if not sheet.one("batch"):
        return None
    batch = await store_of(parts).batch(me.account_id, known_id(sheet.one("batch"), "choice"))
    if batch is None or batch.state is not BatchState.ASKED or batch.kind != sheet.one("action"):
        raise Problem(409, "This was confirmed already, or is too old: choose the recordings again.")
    assert parts.lists is not None
    return replace(batch, ids=tuple(await parts.lists.reached(me.scope, batch.ids)))


async def _ids(request: Request, parts: Services, me: Account, sheet: Sheet) -> list[str]:
    """What is chosen now, as far as the account sees it. With ``all`` whatever the list shows."""
    if parts.lists is None:
        raise Problem(503, "This server keeps no lists.")
    if sheet.ticked("all"):
        wanted = filter_of(sheet.one("query"), request, parts)
        if wanted.faults:
            raise Problem(422, wanted.faults[0])
        return await parts.lists.matching(me.scope, wanted.where, MOST)
    if len(sheet.many("recording")) >= MOST_VALUES:
        raise Problem(422, f"{MOST_VALUES} or more are chosen one by one: filter, and take all that match.")
    ids = [known_id(i, "recording") for i in sheet.many("recording")]
    return await parts.lists.reached(me.scope, ids)


def _batch(request: Request, parts: Services, me: Account, sheet: Sheet, ids: list[str]) -> Batch:
    now = parts.now()
    query = filter_of(sheet.one("query"), request, parts).query()
    return Batch(
        parts.new_id(), me.account_id, me.tenant, sheet.one("action"), "", tuple(ids), query,
        address_of(request), BatchState.ASKED, now, now + KEPT,
    )  # fmt: skip
