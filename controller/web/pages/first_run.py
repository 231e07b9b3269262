"""The first run: the first administrator, the switches as doctor sees them, users, a test call watched."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.errors import TapelineError
from ...core.rules import Setting
from ...engine.reading import (
    Account,
    AuditEntry,
    CallDetail,
    RecordingFilter,
    RecordingRow,
    Role,
    TenantSettings,
)
from .. import changes
from ..access import address_of
from ..account_changes import checked_hash
from ..changes import note
from ..first_run import Newcomers, nobody_yet
from ..live_view import all_visible
from ..permits import SystemAdmin
from ..problems import Problem, not_found
from ..services import Parts, Services, web_of
from ..signing_in import begin, stage_after_password
from .rendering import page
from .sign_in import after

open_router = APIRouter()
router = APIRouter()

_SWITCHES, _USERS, _CALL = "/first-run/switches", "/first-run/users", "/first-run/call"
Text = Annotated[str, Form(max_length=4000)]


@open_router.get("/first-run")
async def begin_page(
    request: Request, parts: Parts, token: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    if not await nobody_yet(parts.accounts):
        return RedirectResponse("/sign-in", 303)
    return _form(request, token)


@open_router.post("/first-run")
async def make_first(
    request: Request, parts: Parts, token: Text = "", login: Text = "", password: Text = "", again: Text = ""
) -> Response:
    """The token in the form is what no other site knows."""
    web = web_of(request)
    login = login.strip()
    async with web.guide.lock:
        # Of two at once the second finds the first one's account.
        if not await nobody_yet(parts.accounts):
            return RedirectResponse("/sign-in", 303)
        if not web.guide.fits(token):
            return _form(request, token)
        if not login or len(login) > 200 or not login.isprintable() or " " in login:
            return _form(request, token, "A login is 1 to 200 characters without blanks.", login)
        if password != again:
            return _form(request, token, "The password was not the same twice.", login)
        account = Account(parts.new_id(), login, Role.SYSTEM, None, None)
        try:
            await parts.accounts.add_account(account, await checked_hash(request, account, password))
        except Problem as problem:
            return _form(request, token, problem.detail, login)
        web.guide.token = ""
    entry = AuditEntry(
        parts.now(), login, None, "account made", login, "the first one, with the token of the first run",
        address_of(request),
    )  # fmt: skip
    await parts.accounts.audit(entry)
    stage = await stage_after_password(web, account)
    answer = RedirectResponse(after(stage, _SWITCHES), 303)
    await begin(request, answer, account, "first run", stage)
    return answer


def _form(request: Request, token: str, error: str = "", login: str = "") -> Response:
    right = web_of(request).guide.fits(token)
    rules = web_of(request).services.sign_in
    status = 403 if not right else 422 if error else 200
    response = page(
        request, "first_run.html", status, step=1, right=right, token=token if right else "", error=error,
        login=login, least=rules.least_password, local=rules.local,
    )  # fmt: skip
    # The address holds the token: it goes to no other page.
    response.headers["referrer-policy"] = "no-referrer"
    return response


@router.get(_SWITCHES)
async def switches_page(request: Request, parts: Parts, me: SystemAdmin) -> Response:
    doctor = web_of(request).guide.doctor
    if doctor is None:
        raise not_found("page")
    found = await doctor()
    bad = sum(not check.ok for _, checks in found for check in checks)
    return page(request, "first_run_switches.html", step=2, found=found, bad=bad)


@router.get(_USERS)
async def users_page(request: Request, me: SystemAdmin) -> Response:
    """A dry run for each switch: nothing is made."""
    return await _users(request)


@router.post(_USERS)
async def import_users(
    request: Request, parts: Parts, me: SystemAdmin, switch: Text = "", record: Text = ""
) -> Response:
    """``record``: the calls of the new tenants' users are recorded from now on."""
    users = web_of(request).guide.users
    if users is None or switch not in users.switches:
        raise not_found("switch")
    try:
        made = await users.make(switch)
    except (TapelineError, OSError) as error:
        return await _users(request, failed=switch, error=str(error))
    await note(
        parts, me, "users imported", f"switch {switch}",
        f"{len(made.tenants)} tenants, {len(made.users)} users", address_of(request),
    )  # fmt: skip
    if record:
        for tenant in sorted({t for t, _, _ in made.users} | set(made.tenants)):
            settings = await changes.tenant_settings(parts, tenant) or TenantSettings(tenant)
            if settings.audio is Setting.INHERIT:
                wanted = TenantSettings(
                    tenant, Setting.ON, settings.video, settings.directions, settings.options
                )
                await changes.set_tenant(parts, me, wanted, address_of(request))
    await parts.control.reload_policy()
    return await _users(request, made=made, record=bool(record))


async def _users(
    request: Request, *, made: Newcomers | None = None, record: bool = False, failed: str = "",
    error: str = "",
) -> Response:  # fmt: skip
    users = web_of(request).guide.users
    if users is None:
        raise not_found("page")
    looks: list[tuple[str, Newcomers | None, str]] = []
    for switch in users.switches:
        try:
            looks.append((switch, await users.look(switch), ""))
        except (TapelineError, OSError) as fault:
            looks.append((switch, None, str(fault)))
    status = 503 if error else 200
    return page(
        request, "first_run_users.html", status, step=3, looks=looks, made=made, record=record, failed=failed,
        error=error,
    )  # fmt: skip


@router.get(_CALL)
async def call_page(request: Request, parts: Parts, me: SystemAdmin) -> Response:
    since = parts.now() - timedelta(seconds=1)
    return await _watched(request, parts, me, since, "first_run_call.html")


@router.get("/first-run/call/now")
async def call_now(
    request: Request, parts: Parts, me: SystemAdmin, since: Annotated[str, Query(max_length=40)] = ""
) -> Response:
    """How it stands, for the page to show as it happens; a page of its own without JavaScript."""
    try:
        begun = datetime.fromisoformat(since)
        if begun.tzinfo is None:
            raise ValueError(since)
    except ValueError as error:
        raise Problem(422, "since: when the page was opened, with its time zone.") from error
    return await _watched(request, parts, me, begun, "first_run_call.html")


async def _watched(
    request: Request, parts: Services, me: Account, since: datetime, template: str
) -> Response:
    """The newest call since the page was opened, while it is up and what came of it."""
    up = [c for c in all_visible(parts.control.live_calls(), me.scope) if c.started_at >= since]
    where = RecordingFilter(since=since)
    recordings = await parts.reader.recordings(me.scope, where, limit=1)
    calls = await parts.reader.calls(me.scope, where, limit=1)
    over: CallDetail | None = None
    row: RecordingRow | None = recordings.items[0] if recordings.items else None
    if not up and calls.items and calls.items[0].ended_at is not None:
        over = await parts.reader.call(me.scope, calls.items[0].call_id)
    file = None
    if row is not None and row.media_state == "available":
        detail = await parts.reader.recording(me.scope, row.recording_id)
        file = detail.playable if detail else None
    return page(
        request, template, step=4, since=since.isoformat(), live=up[-1] if up else None, over=over, row=row,
        file=file, done=file is not None and not up,
    )  # fmt: skip
