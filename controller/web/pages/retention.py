"""Company › Retention and Trash: rules with what they will do, legal holds, what is deleted."""

from __future__ import annotations

from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.annotations import tag_of
from ...core.errors import InvalidPolicy
from ...core.retention import MOST_DAYS, RetentionRule, RuleScope
from ...core.roles import Permission, allows
from ...engine.reading import Account, Scope
from ...engine.retention import HoldRow
from ..access import address_of, known_id, own_tenant
from ..language import N_, _, tr
from ..permits import Deleter, Holder, PolicyChanger, PolicyReader
from ..problems import Problem, not_found
from ..retention_desk import desk_of, outlook_of
from ..services import Parts
from .filters import moment
from .forms import Sheet
from .rendering import page, zone

router = APIRouter()

SCOPES = {"tenant": N_("All recordings"), "queue": N_("A queue"), "user": N_("A user"), "tag": N_("A tag")}
#: What has to be typed before a recording is removed for good.
SURE = N_("remove")
Name = Annotated[str, Query(max_length=253)]


def _tenant(me: Account, asked: str) -> str:
    """The tenant that is meant; "" for a system administrator who has named none. Raises 404."""
    return own_tenant(me, asked) if asked else (me.tenant or "")


@router.get("/retention")
async def retention_page(
    request: Request, parts: Parts, me: PolicyReader, tenant: Name = "", saved: Name = ""
) -> Response:
    return await _page(request, parts, me, _tenant(me, tenant), Sheet(), saved=saved)


@router.post("/retention/rule")
async def save_rule(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    """First shows what the rule would do; saves it when that was seen."""
    sheet = await Sheet.sent(request)
    tenant = _tenant(me, sheet.one("tenant"))
    rule = _read(sheet, tenant)
    if rule is None:
        return await _page(request, parts, me, tenant, sheet, status=422)
    if not sheet.ticked("seen"):
        return await _page(request, parts, me, tenant, sheet, wanted=rule)
    await desk_of(parts).set_retention_rule(rule, me.login, address_of(request), accept=True)
    return RedirectResponse(f"/retention?tenant={tenant}&saved=1", 303)


@router.post("/retention/remove")
async def remove_rule(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    sheet = await Sheet.sent(request)
    tenant = _tenant(me, sheet.one("tenant"))
    scope = sheet.choice("scope", RuleScope, RuleScope.TENANT)
    if not await desk_of(parts).remove_retention_rule(
        Scope(tenant), scope, tenant, sheet.one("name"), me.login, address_of(request)
    ):
        raise not_found("rule")
    return RedirectResponse(f"/retention?tenant={tenant}&saved=1", 303)


@router.post("/retention/confirm")
async def confirm(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    sheet = await Sheet.sent(request)
    tenant = _tenant(me, sheet.one("tenant"))
    digest = sheet.one("digest")
    waiting = await desk_of(parts).stand(tenant)
    if waiting.waiting == digest and sheet.one("number") != str(waiting.would_go):
        sheet.faults["number"] = f"Type {waiting.would_go}: so many recordings are deleted."
        return await _page(request, parts, me, tenant, sheet, status=422)
    if not await desk_of(parts).confirm_retention(tenant, digest, me.login, address_of(request)):
        raise Problem(404, "That is not what waits for a confirmation. Load the page again.")
    parts.poke_retention()
    return RedirectResponse(f"/retention?tenant={tenant}&saved=1", 303)


@router.post("/retention/hold")
async def put_hold(request: Request, parts: Parts, me: Holder) -> Response:
    sheet = await Sheet.sent(request)
    tenant = _tenant(me, sheet.one("tenant"))
    times: list[str] = []
    since = moment(sheet.one("since"), zone(request), times)
    until = moment(sheet.one("until"), zone(request), times, end=True)
    made = HoldRow(
        parts.new_id(), tenant, sheet.one("hold_name"), sheet.one("reason"), sheet.one("person"),
        since and since.astimezone(UTC), until and until.astimezone(UTC), parts.now(), me.login,
    )  # fmt: skip
    try:
        if times:
            raise InvalidPolicy(f"its days: {times[0].rstrip('.')}")
        if not tenant:
            raise InvalidPolicy("tenant: whose is it?")
        await desk_of(parts).put_hold(made, address_of(request))
    except InvalidPolicy as error:
        sheet.faults[""] = f"{error}."
        return await _page(request, parts, me, tenant, sheet, status=422)
    return RedirectResponse(f"/retention?tenant={tenant}&saved=1", 303)


@router.post("/retention/lift")
async def lift_hold(request: Request, parts: Parts, me: Holder) -> Response:
    sheet = await Sheet.sent(request)
    tenant, why = _tenant(me, sheet.one("tenant")), sheet.one("why")
    hold_id = known_id(sheet.one("hold_id"), "legal hold")
    try:
        if not await desk_of(parts).lift_hold(me.scope, hold_id, me.login, why, address_of(request)):
            raise not_found("legal hold")
    except InvalidPolicy as error:
        sheet.faults[""] = f"{error}."
        return await _page(request, parts, me, tenant, sheet, status=422)
    return RedirectResponse(f"/retention?tenant={tenant}&saved=1", 303)


@router.get("/trash")
async def trash_page(
    request: Request, parts: Parts, me: Deleter, before: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    return await _trash(request, parts, me, Sheet(), before)


@router.post("/trash")
async def change_trash(request: Request, parts: Parts, me: Deleter) -> Response:
    sheet = await Sheet.sent(request)
    recording_id = known_id(sheet.one("recording_id"), "recording")
    if sheet.one("do") == "restore":
        if not await desk_of(parts).restore(me.scope, recording_id, me.login, address_of(request)):
            raise not_found("recording in the trash")
    elif sheet.one("word").casefold() not in (SURE, tr(SURE).casefold()):
        sheet.faults["word"] = _("Type the word %(word)s: what is removed is gone for good.", word=tr(SURE))
        return await _trash(request, parts, me, sheet, status=422)
    elif why := await desk_of(parts).purge_now(me.scope, recording_id, me.login, address_of(request)):
        raise not_found("recording in the trash") if "not in" in why else Problem(409, f"{why}.")
    parts.poke_retention()
    return RedirectResponse("/trash", 303)


async def _trash(
    request: Request, parts: Parts, me: Account, sheet: Sheet, before: str = "", status: int = 200
) -> Response:
    try:
        found = await desk_of(parts).trash_page(me.scope, before=before or None)
    except ValueError:
        found = await desk_of(parts).trash_page(me.scope)
    return page(request, "trash.html", status, items=found.items, next=found.next, sheet=sheet, sure=SURE)


def _read(sheet: Sheet, tenant: str) -> RetentionRule | None:
    scope = sheet.choice("scope", RuleScope, RuleScope.TENANT)
    keep, most = sheet.whole("keep_days", MOST_DAYS), sheet.whole("delete_after_days", MOST_DAYS)
    name = "" if scope is RuleScope.TENANT else sheet.one("name")
    if sheet.faults:
        return None
    try:
        name = tag_of(name) if scope is RuleScope.TAG else name
        return RetentionRule(tenant, scope, name, keep, sheet.ticked("keep_forever"), most)
    except InvalidPolicy as error:
        sheet.faults[""] = f"{error}."
        return None


async def _page(
    request: Request, parts: Parts, me: Account, tenant: str, sheet: Sheet, *, saved: str = "",
    wanted: RetentionRule | None = None, status: int = 200,
) -> Response:  # fmt: skip
    desk = desk_of(parts)
    tenants = [t.tenant for t in await parts.settings.tenants(me.scope)]
    rules = await desk.retention_rules(Scope(tenant)) if tenant else []
    return page(
        request, "retention.html", status, tenant=tenant, tenants=tenants, rules=rules, sheet=sheet,
        saved=saved, scopes=SCOPES, wanted=wanted,
        outlook=await outlook_of(parts, tenant, wanted) if tenant else None,
        stand=await desk.stand(tenant) if tenant else None,
        holds=await desk.holds(Scope(tenant), lifted=True) if tenant else [],
        may_change=allows(me.role, Permission.CHANGE_POLICY), may_hold=allows(me.role, Permission.HOLD),
    )  # fmt: skip
