"""Call Manager › Users: the list, and one user's Extension page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ...core.rules import Mode, Setting
from ...engine.forecasting import Forecast
from ...engine.reading import Account, UserSettings
from .. import changes
from ..access import address_of, own_tenant
from ..api.params import plain
from ..explaining import common_calls, explain
from ..forecasts import forecast_of
from ..imagining import stored_policy, video_promised
from ..permits import PolicyChanger, PolicyReader
from ..problems import Problem, for_scripts, not_found
from ..services import Parts
from . import choices, rule_form
from .forms import Sheet
from .names import TENANT_FAULT, USER_FAULT, is_tenant, is_user, tenant_for
from .rendering import page

router = APIRouter(prefix="/users")

Text = Annotated[str, Form(max_length=300)]
Pick = Annotated[Setting | None, Form()]

#: So many on a page of the list, and that many are changed at once at most.
SHOWN = 100


@router.get("")
async def users_page(
    request: Request, parts: Parts, me: PolicyReader,
    q: Annotated[str, Query(max_length=200)] = "",
    tenant: Annotated[str, Query(max_length=253)] = "",
    after: Annotated[str, Query(max_length=400)] = "",
) -> Response:  # fmt: skip
    return await _list(request, parts, me, q=plain(q), tenant=tenant, after=plain(after, 400))


async def _list(
    request: Request, parts: Parts, me: Account, status: int = 200, *, q: str = "", tenant: str = "",
    after: str = "", sheet: Sheet | None = None, picked: Sheet | None = None,
    asked: Asked | None = None,
) -> Response:  # fmt: skip
    tenants = await parts.settings.tenants(me.scope)
    key = tuple(after.split("/", 1)) if "/" in after else None
    users, more = await parts.settings.users_page(
        me.scope, text=q, tenant=tenant, after=None if key is None else (key[0], key[1]), limit=SHOWN
    )
    last = f"{users[-1].tenant}/{users[-1].user}" if users and more else ""
    query = {name: value for name, value in (("q", q), ("tenant", tenant), ("after", last)) if value}
    return page(
        request, "users.html", status, users=users, narrowed=bool(q or tenant or after), after=after,
        asked=asked, picked=picked or Sheet(),
        changed=_number(request.query_params.get("changed", "")),
        further=f"/users?{urlencode(query)}" if last else "",
        tenants=tenants, by_tenant={t.tenant: t for t in tenants}, q=q, tenant=tenant,
        sheet=sheet or Sheet.of({"audio": Setting.ON, "video": Setting.OFF}), choices=choices,
    )  # fmt: skip


@router.post("")
async def save_row(
    request: Request, parts: Parts, me: PolicyChanger, user: Text, tenant: Text = "",
    audio: Pick = None, video: Pick = None, sure: Text = "",
) -> Response:  # fmt: skip
    """The list's two switches; all else of the user stays as it is. Without ``sure`` it is only said what
    it would do."""
    tenant = tenant_for(me, tenant)
    if not is_user(user):
        raise Problem(422, USER_FAULT)
    found = await changes.user_settings(parts, tenant, user)
    if found is None:
        raise not_found("user")
    wanted = replace(found, audio=audio or found.audio, video=video or found.video)
    if not sure:
        fields = [("tenant", tenant), ("user", user), ("audio", wanted.audio), ("video", wanted.video)]
        asked = await _asked(parts, "/users", fields, [(found, wanted)])
        return await _list(request, parts, me, asked=asked)
    await changes.set_user(parts, me, wanted, address_of(request))
    if for_scripts(request):
        return JSONResponse({"ok": True, "text": "Saved."})
    return RedirectResponse("/users", 303)


@router.post("/many")
async def save_many(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    """One setting for every user that is ticked. Without ``sure`` it is only said what it would do."""
    sheet = await Sheet.sent(request)
    kinds = {
        name: sheet.choice(name, Setting, Setting.INHERIT) for name in ("audio", "video") if sheet.one(name)
    }
    if not kinds or sheet.faults:
        raise Problem(422, "Choose what is to be set.")
    wanted = [await _ticked(parts, me, one) for one in sheet.many("one")[:SHOWN]]
    if not wanted:
        raise Problem(422, "Tick the users whose setting it is to be.")
    changed = [
        replace(user, audio=kinds.get("audio", user.audio), video=kinds.get("video", user.video))
        for user in wanted
    ]
    if not sheet.ticked("sure"):
        fields = [("one", f"{user.tenant}/{user.user}") for user in changed]
        fields += [(name, str(value)) for name, value in kinds.items()]
        asked = await _asked(parts, "/users/many", fields, list(zip(wanted, changed, strict=True)))
        return await _list(request, parts, me, asked=asked, picked=sheet)
    for user in changed:
        await changes.set_user(parts, me, user, address_of(request))
    return RedirectResponse(f"/users?changed={len(changed)}", 303)


@dataclass(frozen=True, slots=True)
class Line:
    """A user, and what would change: the setting, as it is, as it would be."""

    user: str
    name: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that is not saved yet: what it would do, and what is to be sent to save it."""

    action: str
    fields: list[tuple[str, str]]
    lines: list[Line]
    forecast: Forecast


async def _asked(
    parts: Parts, action: str, fields: list[tuple[str, str]], pairs: list[tuple[UserSettings, UserSettings]]
) -> Asked:
    tenants = {after.tenant for _, after in pairs}
    whole = tenants.pop() if len(tenants) == 1 else None
    words = choices.SETTINGS_SHORT
    lines = [
        Line(
            before.user, before.name,
            [
                (label, words[getattr(before, kind)], words[getattr(after, kind)])
                for kind, label in (("audio", "Record Audio Calls"), ("video", "Record Video Calls"))
                if getattr(before, kind) is not getattr(after, kind)
            ],
        )
        for before, after in pairs
    ]  # fmt: skip
    return Asked(action, fields, lines, await forecast_of(parts, whole, [after.rule for _, after in pairs]))


def _number(text: str) -> str:
    return text if text.isascii() and text.isdigit() and len(text) < 5 else ""


async def _ticked(parts: Parts, me: Account, one: str) -> UserSettings:
    tenant, _, user = one.partition("/")
    return await _find(parts, me, tenant, user)


@router.post("/add")
async def add_user(request: Request, parts: Parts, me: PolicyChanger) -> Response:
    sheet = await Sheet.sent(request)
    tenant, user = sheet.one("tenant") or me.tenant or "", sheet.one("user")
    if not is_tenant(tenant):
        sheet.faults["tenant"] = TENANT_FAULT
    else:
        own_tenant(me, tenant)
    if not is_user(user):
        sheet.faults["user"] = USER_FAULT
    elif not sheet.faults and await changes.user_settings(parts, tenant, user):
        sheet.faults["user"] = f"There is an extension {user} already."
    audio = sheet.choice("audio", Setting, Setting.ON)
    video = sheet.choice("video", Setting, Setting.OFF)
    if sheet.faults:
        return await _list(request, parts, me, 422, sheet=sheet)
    wanted = UserSettings(tenant, user, sheet.one("name")[:200], audio, video)
    await changes.set_user(parts, me, wanted, address_of(request))
    return RedirectResponse(f"{_url(tenant, user)}?saved=1", 303)


@router.get("/{tenant}/{user}")
async def user_page(request: Request, parts: Parts, me: PolicyReader, tenant: str, user: str) -> Response:
    found = await _find(parts, me, tenant, user)
    values = rule_form.shown(found) | {
        "name": found.name, "mode": found.mode, "sample_percent": found.sample_percent,
    }  # fmt: skip
    return await _page(request, parts, me, found, Sheet.of(values))


@router.post("/{tenant}/{user}")
async def save_user(request: Request, parts: Parts, me: PolicyChanger, tenant: str, user: str) -> Response:
    found = await _find(parts, me, tenant, user)
    sheet = await Sheet.sent(request)
    wanted = replace(
        found,
        name=sheet.one("name")[:200],
        mode=sheet.choice("mode", Mode, found.mode),
        sample_percent=sheet.percent("sample_percent"),
        **rule_form.read(sheet),
    )
    if sheet.faults:
        return await _page(request, parts, me, found, sheet, 422)
    if sheet.ticked("preview"):
        foreseen = await forecast_of(parts, tenant, [wanted.rule])
        return await _page(request, parts, me, found, sheet, foreseen=foreseen)
    await changes.set_user(parts, me, wanted, address_of(request))
    return RedirectResponse(f"{_url(tenant, user)}?saved=1", 303)


async def _find(parts: Parts, me: Account, tenant: str, user: str) -> UserSettings:
    own_tenant(me, tenant)
    found = await changes.user_settings(parts, tenant, user) if is_tenant(tenant) and is_user(user) else None
    if found is None:
        raise not_found("user")
    return found


async def _page(
    request: Request, parts: Parts, me: Account, found: UserSettings, sheet: Sheet, status: int = 200,
    foreseen: Forecast | None = None,
) -> Response:  # fmt: skip
    """With what the settings as they are stored come to on the user's everyday calls."""
    policy = await stored_policy(parts.settings, found.tenant, found.user)
    able, _ = video_promised(parts.control.records_video(), "")
    calls = common_calls(found.tenant, found.user, video_supported=able)
    everyday = [(text, explain(policy, call).answers) for text, call in calls]
    saved = request.method == "GET" and request.query_params.get("saved") == "1"
    done = await changes.last_change(parts, me, f"user {found.user}@{found.tenant}") if saved else ""
    return page(
        request, "user.html", status, user=found, sheet=sheet, everyday=everyday, choices=choices,
        saved=saved, done=done, foreseen=foreseen,
    )  # fmt: skip


def _url(tenant: str, user: str) -> str:
    return f"/users/{quote(tenant, safe='')}/{quote(user, safe='')}"
