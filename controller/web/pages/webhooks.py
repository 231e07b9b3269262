"""Company › Webhooks: where other systems are told of recordings, and how it went."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.hooks import CHOOSABLE, MEANING, Hook, HookEvent
from ...engine.reading import Account
from .. import hook_work as work
from ..language import tr
from ..permits import HookManager
from ..problems import Problem
from ..services import Parts, Services
from .forms import Sheet
from .names import tenant_for
from .rendering import page

router = APIRouter(prefix="/company/webhooks")
_SHOWN = 50


@router.get("")
async def webhooks_page(request: Request, parts: Parts, me: HookManager) -> Response:
    return await _list(request, parts, me)


@router.post("")
async def add_webhook(request: Request, parts: Parts, me: HookManager) -> Response:
    sheet = await Sheet.sent(request)
    # The system's administrator may leave the tenant out: told of every tenant.
    tenant = tenant_for(me, sheet.one("tenant")) if me.tenant or sheet.one("tenant").strip() else None
    hook = Hook(parts.new_id(), tenant, "", "", (), True, 4, parts.now())
    hook = _filled(hook, sheet, enabled=True)
    if not sheet.faults:
        try:
            secret = await work.add(request, parts, me, hook)
        except Problem as problem:
            sheet.faults["url"] = problem.detail
        else:
            return await _page(request, parts, me, hook, secret=secret)
    return await _list(request, parts, me, sheet, 422)


@router.get("/{webhook_id}")
async def webhook_page(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    return await _page(request, parts, me, await work.find(parts, me, webhook_id))


@router.post("/{webhook_id}")
async def save_webhook(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    found = await work.find(parts, me, webhook_id)
    sheet = await Sheet.sent(request)
    wanted = _filled(found, sheet, enabled=sheet.ticked("enabled"))
    if not sheet.faults:
        try:
            await work.change(request, parts, me, found, wanted)
        except Problem as problem:
            sheet.faults["url"] = problem.detail
        else:
            return RedirectResponse(_url(found, "?done=saved"), 303)
    return await _page(request, parts, me, found, sheet, 422)


@router.post("/{webhook_id}/secret")
async def new_secret(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    found = await work.find(parts, me, webhook_id)
    secret = await work.renew(request, parts, me, found)
    return await _page(request, parts, me, found, secret=secret)


@router.post("/{webhook_id}/test")
async def test_webhook(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    found = await work.find(parts, me, webhook_id)
    await work.test(request, parts, me, found)
    return RedirectResponse(_url(found, "?done=tested#log"), 303)


@router.post("/{webhook_id}/replay")
async def replay_dead(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    found = await work.find(parts, me, webhook_id)
    await work.replay(request, parts, me, found, None)
    return RedirectResponse(_url(found, "?done=replayed#log"), 303)


@router.post("/{webhook_id}/deliveries/{number}/replay")
async def replay_one(
    request: Request, parts: Parts, me: HookManager, webhook_id: str, number: int
) -> Response:
    found = await work.find(parts, me, webhook_id)
    await work.replay(request, parts, me, found, [number])
    return RedirectResponse(_url(found, "?done=replayed#log"), 303)


@router.post("/{webhook_id}/remove")
async def remove_webhook(request: Request, parts: Parts, me: HookManager, webhook_id: str) -> Response:
    await work.remove(request, parts, me, await work.find(parts, me, webhook_id))
    return RedirectResponse("/company/webhooks?saved=removed", 303)


def _url(hook: Hook, end: str) -> str:
    return f"/company/webhooks/{quote(hook.hook_id)}{end}"


def _filled(hook: Hook, sheet: Sheet, *, enabled: bool) -> Hook:
    parallel = sheet.whole("parallel", 16)
    if parallel < 1:
        sheet.faults.setdefault("parallel", "A whole number from 1 to 16.")
    known = [str(e) for e in CHOOSABLE]
    events = [HookEvent(text) for text in sheet.many("events") if text in known]
    if not events:
        sheet.faults["events"] = "Tick one at least."
    if not sheet.one("url"):
        sheet.faults["url"] = "An address that begins with https:// or http://."
    return replace(
        hook, url=sheet.one("url"), label=sheet.one("label")[:100], events=work.in_order(events),
        parallel=parallel, enabled=enabled,
    )  # fmt: skip


def _choices() -> dict[str, str]:
    return {str(event): f"{tr(MEANING[event])} ({event})" for event in CHOOSABLE}


def _fresh() -> Sheet:
    return Sheet.of({"parallel": "4", "events": [str(e) for e in CHOOSABLE]})


async def _list(
    request: Request, parts: Services, me: Account, sheet: Sheet | None = None, status: int = 200
) -> Response:
    return page(
        request, "webhooks.html", status, hooks=await work.store(parts).hooks(me.scope),
        sheet=sheet or _fresh(), choices=_choices(),
        saved=bool(request.query_params.get("saved")) and sheet is None,
        tenants=[t.tenant for t in await parts.settings.tenants(me.scope)],
    )  # fmt: skip


async def _page(
    request: Request, parts: Services, me: Account, hook: Hook, sheet: Sheet | None = None,
    status: int = 200, secret: str = "",
) -> Response:  # fmt: skip
    text = request.query_params.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    log = await work.store(parts).deliveries(me.scope, hook.hook_id, limit=_SHOWN + 1, before=before)
    values = {
        "url": hook.url, "label": hook.label, "parallel": str(hook.parallel), "enabled": hook.enabled,
        "events": [str(e) for e in hook.events or CHOOSABLE],
    }  # fmt: skip
    return page(
        request, "webhook.html", status, hook=hook, sheet=sheet or Sheet.of(values), choices=_choices(),
        secret=secret, public_key=work.maker(parts).public_key, log=log[:_SHOWN],
        older=log[_SHOWN - 1].number if len(log) > _SHOWN else None,
        done=request.query_params.get("done", ""),
    )  # fmt: skip
