"""Advanced › Settings › General."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ...engine.forecasting import Forecast
from ...engine.reading import Account
from .. import changes
from ..access import address_of
from ..forecasts import forecast_of
from ..nodes import nodes_of
from ..permits import SystemAdmin
from ..problems import for_scripts
from ..services import Parts
from . import choices, rule_form
from .forms import Sheet
from .rendering import page

router = APIRouter()


@router.get("/advanced/general")
async def general_page(request: Request, parts: Parts, me: SystemAdmin) -> Response:
    return await _general(request, parts, me)


async def _general(
    request: Request, parts: Parts, me: Account, sheet: Sheet | None = None, foreseen: Forecast | None = None
) -> Response:
    settings = await parts.settings.system()
    saved = request.query_params.get("saved") == "1" and sheet is None
    return page(
        request, "general.html", 422 if sheet and sheet.faults else 200, foreseen=foreseen, saved=saved,
        done=await changes.last_change(parts, me, "system") if saved else "",
        settings=settings, choices=choices, nodes=nodes_of(parts.cluster(), parts.key_mark),
        sheet=sheet or Sheet.of(rule_form.shown(settings)),
    )  # fmt: skip


@router.post("/advanced/general")
async def save_general(
    request: Request, parts: Parts, me: SystemAdmin, record_external: Annotated[str | None, Form()] = None,
    preview: Annotated[str | None, Form()] = None,
) -> Response:  # fmt: skip
    """Record the call between external numbers; a check box sends "on" or nothing."""
    wanted = replace(await parts.settings.system(), record_external=bool(record_external))
    if preview:
        foreseen = await forecast_of(parts, None, [], record_external=wanted.record_external)
        return await _general(request, parts, me, Sheet.of(rule_form.shown(wanted)), foreseen)
    await changes.set_system(parts, me, wanted, address_of(request))
    if for_scripts(request):
        return JSONResponse({"ok": True, "text": "Saved."})
    return RedirectResponse("/advanced/general?saved=1", 303)


@router.post("/advanced/general/rule")
async def save_system_rule(request: Request, parts: Parts, me: SystemAdmin) -> Response:
    sheet = await Sheet.sent(request)
    wanted = replace(await parts.settings.system(), **rule_form.read(sheet))
    if sheet.faults:
        return await _general(request, parts, me, sheet)
    if sheet.ticked("preview"):
        foreseen = await forecast_of(parts, None, [wanted.rule])
        return await _general(request, parts, me, sheet, foreseen)
    await changes.set_system(parts, me, wanted, address_of(request))
    return RedirectResponse("/advanced/general?saved=1", 303)
