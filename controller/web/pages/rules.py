"""Call Manager › Recording rules: of queues, ring groups, receptionists, trunks and rules of routing."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.errors import InvalidPolicy
from ...core.rules import ROUTE_SCOPES, SAMPLED_SCOPES, PolicyRule, PolicyScope
from ...engine.forecasting import Forecast
from ...engine.reading import Account, Role
from .. import changes
from ..access import address_of, own_tenant
from ..api.params import plain
from ..forecasts import forecast_of
from ..imagining import ROUTES
from ..permits import PolicyChanger, PolicyReader
from ..problems import not_found, rule_field
from ..services import Parts
from . import choices, rule_form
from .forms import Sheet
from .names import NAME_FAULT, TENANT_FAULT, is_name, is_tenant
from .rendering import page
from .service_lists import ways

router = APIRouter(prefix="/rules")

#: What has its place on this page; queues, groups and receptionists have their own.
ROUTING = (PolicyScope.TRUNK, PolicyScope.INBOUND_RULE, PolicyScope.OUTBOUND_RULE)

Name = Annotated[str, Query(max_length=253)]


@router.get("")
async def rules_page(
    request: Request, parts: Parts, me: PolicyReader, q: Name = "", scope: Name = ""
) -> Response:
    rules = await parts.settings.rules(me.scope)
    wanted = plain(q).casefold()
    found = [r for r in rules if wanted in r.name.casefold() and scope in ("", r.scope)]
    found.sort(key=lambda r: (ROUTES.index(r.scope), r.tenant or "", r.name))
    groups = [(of, list(some)) for of, some in groupby(found, key=lambda r: r.scope)]
    unruled, past = await ways(parts, me, ROUTING)
    return page(
        request, "rules.html", groups=groups, total=len(rules), q=plain(q), scope=scope, scopes=ROUTES,
        choices=choices, saved=request.query_params.get("saved", ""), address=_address,
        unruled=[line for line in unruled if not line.ruled], past=past,
    )  # fmt: skip


@router.get("/edit")
async def rule_page(
    request: Request, parts: Parts, me: PolicyReader, scope: Name = "", tenant: Name = "", name: Name = "",
    new: Annotated[str, Query(max_length=5)] = "",
) -> Response:  # fmt: skip
    """A rule's form; without a name, or with ``new``, the form of a new one."""
    if new or not name:
        sheet = Sheet.of(
            {
                "scope": scope if scope in ROUTE_SCOPES else PolicyScope.QUEUE,
                "tenant": me.tenant or tenant or me.looking_at or "",
                "name": name,
            }
            | rule_form.shown(PolicyRule(PolicyScope.QUEUE, "any", "any"))
            | {"sample_percent": 100.0}
        )
        return await _page(request, parts, me, sheet, None)
    found = await _find(parts, me, scope, tenant, name)
    sheet = Sheet.of(
        {"scope": found.scope, "tenant": found.tenant or "", "name": found.name}
        | rule_form.shown(found)
        | {"sample_percent": found.sample_percent}
    )
    return await _page(request, parts, me, sheet, found)


@router.post("/edit")
async def save_rule(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    sheet = await Sheet.sent(request)
    known = sheet.ticked("known")
    wanted = _read(me, sheet)
    if wanted is not None and not known and await changes.route_rule(
        parts, wanted.scope, wanted.tenant, wanted.name
    ):  # fmt: skip
        sheet.faults["name"] = f"There is a rule of {wanted.subject} already."
    if wanted is None or sheet.faults:
        found = await _find(parts, me, *map(sheet.one, ("scope", "tenant", "name"))) if known else None
        return await _page(request, parts, me, sheet, found, 422)
    if sheet.ticked("preview"):
        found = await _find(parts, me, *map(sheet.one, ("scope", "tenant", "name"))) if known else None
        foreseen = await forecast_of(parts, wanted.tenant, [wanted])
        return await _page(request, parts, me, sheet, found, foreseen=foreseen)
    await changes.set_rule(parts, me, wanted, address_of(request))
    return RedirectResponse("/rules?saved=1", 303)


@router.post("/remove")
async def remove_rule(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    sheet = await Sheet.sent(request)
    found = await _find(parts, me, *map(sheet.one, ("scope", "tenant", "name")))
    await changes.remove_rule(parts, me, found.scope, found.tenant, found.name, address_of(request))
    return RedirectResponse("/rules?saved=removed", 303)


async def _find(parts: Parts, me: Account, scope: str, tenant: str, name: str) -> PolicyRule:
    """The rule, if it is this administrator's. Raises 404; the system's are the system's alone."""
    owner = tenant or (None if me.role is Role.SYSTEM else me.tenant)
    if owner:
        own_tenant(me, owner)
    found = None
    if scope in ROUTE_SCOPES:
        found = await changes.route_rule(parts, PolicyScope(scope), owner, name)
    if found is None:
        raise not_found("rule")
    return found


def _read(me: Account, sheet: Sheet) -> PolicyRule | None:
    """The rule that was sent; None, and faults in the sheet, where it cannot be meant."""
    scope = sheet.choice("scope", PolicyScope, PolicyScope.QUEUE)
    if scope not in ROUTE_SCOPES:
        sheet.faults["scope"] = "Choose what it is about."
    tenant = sheet.one("tenant") or me.tenant or ""
    if tenant and not is_tenant(tenant):
        sheet.faults["tenant"] = TENANT_FAULT
    elif tenant:
        own_tenant(me, tenant)
    elif scope is not PolicyScope.TRUNK:
        sheet.faults["tenant"] = "Whose is it? Only trunks are the system's own."
    if not is_name(sheet.one("name")):
        sheet.faults["name"] = NAME_FAULT
    sample = sheet.percent("sample_percent")
    fields = rule_form.read(sheet)
    if sheet.faults:
        return None
    try:
        base = PolicyRule(scope, tenant or None, sheet.one("name"))
        return replace(base, sample_percent=sample, **fields)
    except InvalidPolicy as error:
        text = str(error)
        sheet.faults[rule_field(error)] = f"{text[:1].upper()}{text[1:]}."
        return None


async def _page(
    request: Request, parts: Parts, me: Account, sheet: Sheet, found: PolicyRule | None, status: int = 200,
    foreseen: Forecast | None = None,
) -> Response:  # fmt: skip
    tenants = [t.tenant for t in await parts.settings.tenants(me.scope)]
    return page(
        request, "rule.html", status, sheet=sheet, rule=found, tenants=tenants, choices=choices,
        scopes={scope: choices.SCOPES[scope] for scope in ROUTES}, sampled=SAMPLED_SCOPES,
        foreseen=foreseen,
    )  # fmt: skip


def _address(rule: PolicyRule) -> str:
    """Where a rule is edited. Its name stands in the query: it may hold slashes."""
    query = {"scope": rule.scope.value, "tenant": rule.tenant or "", "name": rule.name}
    return "/rules/edit?" + urlencode({k: v for k, v in query.items() if v})
