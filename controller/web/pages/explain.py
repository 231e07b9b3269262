"""Call Manager › Explain: imagine a call, and see what would be recorded of it and why."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from ...core.rules import PolicyScope
from ...engine.reading import Account, Scope
from ..api.params import plain
from ..explaining import Explanation, explain
from ..imagining import ROUTES, imagine, notes, stored_policy, video_promised
from ..permits import PolicyReader
from ..services import Parts
from . import choices
from .forms import Sheet
from .names import NAME_FAULT, TENANT_FAULT, is_name, is_tenant, tenant_for
from .rendering import page

router = APIRouter(prefix="/explain")

Name = Annotated[str, Query(max_length=253)]


@router.get("")
async def explain_page(request: Request, parts: Parts, me: PolicyReader, tenant: Name = "") -> Response:
    """The form is in the address, so that an answer can be sent to somebody."""
    sheet = Sheet.of({name: plain(value, 253) for name, value in request.query_params.items()})
    tenants = [t.tenant for t in await parts.settings.tenants(me.scope)]
    wanted = tenant.strip() or me.tenant or next(iter(tenants), "")
    sheet.values["tenant"] = [wanted]
    asked = bool(sheet.one("caller") or sheet.one("callee"))
    switches = parts.control.records_video()
    if asked:
        _check(sheet)
        if sheet.one("switch") and sheet.one("switch") not in switches:
            sheet.faults["switch"] = f"There is no such switch. There are: {', '.join(switches) or 'none'}."
    elif wanted:
        tenant_for(me, wanted)
    found, told = await _explained(parts, me, sheet) if asked and not sheet.faults else (None, [])
    own = tenant_for(me, wanted) if is_tenant(wanted) else ""
    users = await parts.settings.users(Scope(own)) if own else []
    rules = [r for r in await parts.settings.rules(me.scope) if r.tenant in (None, own)]
    return page(
        request, "explain.html", 422 if sheet.faults else 200, sheet=sheet, found=found, notes=told,
        tenants=tenants, users=users[:500], choices=choices,
        routes=[(s, [r.name for r in rules if r.scope is s]) for s in ROUTES],
        may_be_on=tuple(switches), detailed=any(sheet.one(name) for name in (*ROUTES, "call_id", "switch")),
    )  # fmt: skip


def _check(sheet: Sheet) -> None:
    for name in ("caller", "callee"):
        if not sheet.one(name):
            sheet.faults[name] = "An extension or a number."
    for scope in ROUTES:
        if sheet.one(scope) and not is_name(sheet.one(scope)):
            sheet.faults[scope] = NAME_FAULT
    if not is_tenant(sheet.one("tenant")):
        sheet.faults["tenant"] = TENANT_FAULT


async def _explained(parts: Parts, me: Account, sheet: Sheet) -> tuple[Explanation, list[str]]:
    tenant = tenant_for(me, sheet.one("tenant"))
    policy = await stored_policy(parts.settings, tenant, sheet.one("caller"), sheet.one("callee"))
    through = {PolicyScope(scope): sheet.one(scope) for scope in ROUTES}
    able, doubt = video_promised(parts.control.records_video(), sheet.one("switch"))
    call = imagine(
        policy, tenant, sheet.one("caller"), sheet.one("callee"), through,
        video=sheet.ticked("video"), call_id=sheet.one("call_id")[:64], video_supported=able,
    )  # fmt: skip
    return explain(policy, call), [*notes(policy, call), *([doubt] if call.video and doubt else [])]
