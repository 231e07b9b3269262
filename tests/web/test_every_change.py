"""Whatever changes something, by the API or by a page, leaves a line in the audit: every route is tried."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx

from controller.engine.entry import Group, SessionRow, Stage
from controller.engine.hooks import Hook
from controller.engine.media_ports import MediaState
from controller.engine.reading import ApiToken, Scope
from controller.engine.retention import HoldRow
from controller.engine.sharing import Audience, Share

from .test_entry import code_at, give_code, set_up
from .test_roles import gated
from .world import PASSWORD, World, form_token, later, sign_in

RED = "red.example"
A = "/api/v1"
HOOK = {"url": "https://93.184.216.34/y", "parallel": "1", "events": "recording.available"}
BOSS = "tenant_administrator"
NEW = "a rather long new password"
R, R2, R3, R4 = "{R}", "{R2}", "{R3}", "{R4}"

#: What changes nothing that is anybody else's, and why it is no line.
NO_LINE = {
    ("POST", A + "/tenants/{tenant}/retention/preview"): "it changes nothing",
    ("POST", A + "/settings/system/preview"): "it changes nothing",
    ("POST", A + "/tenants/{tenant}/preview"): "it changes nothing",
    ("POST", A + "/tenants/{tenant}/rules/{scope}/{name:path}/preview"): "it changes nothing",
    ("POST", A + "/tenants/{tenant}/users/{user}/preview"): "it changes nothing",
    ("POST", A + "/me/second-factor"): "a secret that counts once it is confirmed",
    ("PUT", A + "/recordings/columns"): "one's own columns",
    ("POST", "/recordings/columns"): "one's own columns",
    ("POST", "/calls/columns"): "one's own columns",
    ("POST", "/tenant"): "which tenant one looks at",
    ("POST", "/account/language"): "one's own language",
    ("POST", "/account/second-factor"): "a secret that counts once it is confirmed",
}  # fmt: skip
#: Their lines are asked for where their long stories are told.
ELSEWHERE = {
    ("POST", "/first-run/users"): "web/test_first_run.py",
    ("POST", A + "/recordings/{recording_id}/redactions"): "web/test_redactions.py",
    ("POST", "/recordings/{recording_id}/redact"): "web/test_redactions.py",
    ("DELETE", A + "/recordings/{recording_id}/redactions/{from_ms}/{to_ms}"): "web/test_redactions.py",
    ("POST", "/recordings/{recording_id}/redact/take-back"): "web/test_redactions.py",
    ("POST", A + "/jobs/without-format"): "web/test_jobs.py: a line where there was something to do",
    ("POST", A + "/recordings/views"): "below",
    ("DELETE", A + "/recordings/views/{view_id}"): "below",
    ("POST", A + "/me/second-factor/confirm"): "below",
    ("POST", A + "/me/second-factor/codes"): "below",
    ("POST", A + "/me/second-factor/remove"): "below",
    ("POST", "/batches/{batch_id}/remove"): "web/test_batches.py",
    ("POST", "/jobs"): "web/test_jobs.py",
    ("POST", "/recordings/views"): "web/test_list.py",
    ("POST", "/recordings/views/{view_id}/delete"): "web/test_list.py",
    ("POST", "/retention/confirm"): "retention/test_retaining.py",
    ("POST", A + "/tenants/{tenant}/retention/confirm"): "retention/test_retaining.py",
    ("POST", A + "/tenants/{tenant}/erasure"): "retention/test_erasure.py",
    ("POST", A + "/webhooks/{webhook_id}/replay"): "hooks/test_delivery.py",
    ("POST", "/company/webhooks/{webhook_id}/replay"): "hooks/test_delivery.py",
    ("POST", "/account/second-factor/confirm"): "web/test_entry.py",
    ("POST", "/account/second-factor/codes"): "below",
    ("POST", "/account/second-factor/remove"): "below",
}  # fmt: skip

#: (method, route) → (path, what is sent), in this order: what one makes another one takes away.
CHANGES: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {
    ("PUT", A + "/recordings/{recording_id}/tags/{tag:path}"): (f"{A}/recordings/{R}/tags/vip", {}),
    ("DELETE", A + "/recordings/{recording_id}/tags/{tag:path}"): (f"{A}/recordings/{R}/tags/vip", {}),
    ("POST", A + "/recordings/{recording_id}/notes"): (f"{A}/recordings/{R}/notes", {"text": "x"}),
    ("DELETE", A + "/recordings/{recording_id}/notes/{note_id}"): (f"{A}/recordings/{R}/notes/note-1", {}),
    ("PUT", A + "/holds/{hold_id}/recordings/{recording_id}"): (f"{A}/holds/hold-1/recordings/{R}", {}),
    ("DELETE", A + "/holds/{hold_id}/recordings/{recording_id}"): (f"{A}/holds/hold-1/recordings/{R}", {}),
    ("POST", A + "/tenants/{tenant}/holds"): (f"{A}/tenants/{RED}/holds", {"name": "n", "reason": "r"}),
    ("POST", A + "/holds/{hold_id}/lift"): (f"{A}/holds/hold-1/lift", {"why": "over", "reason": "over"}),
    ("DELETE", A + "/recordings/{recording_id}"): (f"{A}/recordings/{R2}", {}),
    ("POST", A + "/trash/{recording_id}/restore"): (f"{A}/trash/{R2}/restore", {}),
    ("POST", "/recordings/{recording_id}/delete"): (f"/recordings/{R2}/delete", {"why": "x"}),
    ("POST", "/trash"): ("/trash", {"recording_id": R2, "do": "restore"}),
    ("PUT", A + "/tenants/{tenant}/retention"): (
        f"{A}/tenants/{RED}/retention", {"scope": "user", "name": "101", "keep_days": 1}),
    ("DELETE", A + "/tenants/{tenant}/retention"): (
        f"{A}/tenants/{RED}/retention?scope=user&name=101", {}),
    ("POST", "/retention/rule"): (
        "/retention/rule", {"tenant": RED, "scope": "user", "name": "102", "keep_days": "9000", "seen": "on",
                            "most_days": "9000"}),
    ("POST", "/retention/remove"): ("/retention/remove", {"tenant": RED, "scope": "user", "name": "102"}),
    ("POST", "/retention/hold"): ("/retention/hold", {"tenant": RED, "hold_name": "h2", "reason": "r"}),
    ("POST", "/retention/lift"): ("/retention/lift", {"tenant": RED, "hold_id": "hold-2", "why": "over"}),
    ("POST", "/recordings/{recording_id}/hold"): (f"/recordings/{R}/hold", {"hold_id": "hold-3"}),
    ("POST", "/recordings/{recording_id}/annotate"): (f"/recordings/{R}/annotate", {"tag": "x"}),
    ("POST", A + "/recordings/bulk"): (
        A + "/recordings/bulk", {"action": "tag", "recordings": [R], "value": "bulk"}
    ),
    ("POST", "/recordings/act"): (
        "/recordings/act", {"action": "tag", "tag": "y", "recording": R, "sure": "on"}),
    ("POST", A + "/live/recording"): (
        A + "/live/recording?name=live-red-a", {"operation": "pause-recording"}),
    ("POST", A + "/live/{name:path}/recording"): (
        A + "/live/live-red-a/recording", {"operation": "resume-recording"}),
    ("POST", "/live/{call_id}/recording"): ("/live/live-red-a/recording", {"operation": "pause-recording"}),
    ("POST", A + "/jobs/{recording_id}/retry"): (f"{A}/jobs/{R}/retry", {}),
    ("POST", A + "/jobs/{recording_id}/cancel"): (f"{A}/jobs/{R}/cancel", {}),
    ("POST", "/jobs/{recording_id}"): (f"/jobs/{R}", {"action": "retry"}),
    ("PUT", A + "/settings/system"): (A + "/settings/system", {"record_external": True}),
    ("PATCH", A + "/settings/system"): (A + "/settings/system", {"record_external": False}),
    ("PUT", A + "/settings/system/trunks/{name:path}"): (A + "/settings/system/trunks/t", {"audio": "on"}),
    ("DELETE", A + "/settings/system/trunks/{name:path}"): (A + "/settings/system/trunks/t", {}),
    ("PUT", A + "/tenants/{tenant}"): (f"{A}/tenants/{RED}", {"audio": "on"}),
    ("PATCH", A + "/tenants/{tenant}"): (f"{A}/tenants/{RED}", {"audio": "off"}),
    ("PUT", A + "/tenants/{tenant}/users/{user}"): (f"{A}/tenants/{RED}/users/101", {"audio": "on"}),
    ("PATCH", A + "/tenants/{tenant}/users/{user}"): (f"{A}/tenants/{RED}/users/101", {"audio": "off"}),
    ("PUT", A + "/tenants/{tenant}/rules/{scope}/{name:path}"): (
        f"{A}/tenants/{RED}/rules/queue/q", {"audio": "on"}),
    ("DELETE", A + "/tenants/{tenant}/rules/{scope}/{name:path}"): (f"{A}/tenants/{RED}/rules/queue/q", {}),
    ("POST", "/users"): ("/users", {"tenant": RED, "user": "101", "audio": "on", "sure": "on"}),
    ("POST", "/users/many"): ("/users/many", {"one": f"{RED}/101", "audio": "off", "sure": "on"}),
    ("POST", "/users/add"): ("/users/add", {"tenant": RED, "user": "177", "audio": "on", "video": "off"}),
    ("POST", "/users/{tenant}/{user}"): (
        f"/users/{RED}/101", {"audio": "on", "video": "off", "mode": "always", "directions": "inbound"}),
    ("POST", "/rules/edit"): (
        "/rules/edit", {"tenant": RED, "scope": "queue", "name": "q2", "audio": "on", "video": "off",
                        "directions": "inbound"}),
    ("POST", "/rules/remove"): ("/rules/remove", {"tenant": RED, "scope": "queue", "name": "q2"}),
    ("POST", "/company/options"): ("/company/options", {"{OPTIONS}": ""}),
    ("POST", "/advanced/general"): ("/advanced/general", {"record_external": "on"}),
    ("POST", "/advanced/general/rule"): (
        "/advanced/general/rule", {"audio": "on", "video": "off", "directions": "inbound"}),
    ("POST", A + "/accounts"): (
        A + "/accounts", {"login": "new", "password": NEW, "role": BOSS, "tenant": RED}),
    ("DELETE", A + "/accounts/{account_id}/sessions"): (A + "/accounts/account-red-102/sessions", {}),
    ("PATCH", A + "/accounts/{account_id}"): (A + "/accounts/account-red-102", {"disabled": True}),
    ("PUT", A + "/accounts/{account_id}/password"): (
        A + "/accounts/account-red-102/password", {"password": NEW}),
    ("DELETE", A + "/accounts/{account_id}/second-factor"): (
        A + "/accounts/account-red-102/second-factor", {}),
    ("DELETE", A + "/accounts/{account_id}/tokens/{token_id}"): (
        A + "/accounts/account-red-102/tokens/token-red-102", {}),
    ("POST", "/company/accounts/add"): (
        "/company/accounts/add", {"login": "new2", "password": NEW, "role": BOSS, "tenant": RED}),
    ("POST", "/company/accounts/{account_id}/sessions/{session}/end"): (
        "/company/accounts/account-red-super/sessions/session-1/end", {}),
    ("POST", "/company/accounts/{account_id}/sessions/end"): (
        "/company/accounts/account-red-super/sessions/end", {}),
    ("POST", "/company/accounts/{account_id}"): (
        "/company/accounts/account-red-super", {"role": "user", "extension": "9"}),
    ("POST", "/company/accounts/{account_id}/password"): (
        "/company/accounts/account-red-super/password", {"password": NEW}),
    ("POST", "/company/accounts/{account_id}/second-factor/reset"): (
        "/company/accounts/account-red-super/second-factor/reset", {}),
    ("POST", "/company/accounts/{account_id}/tokens/{token_id}/remove"): (
        "/company/accounts/account-red-super/tokens/token-red-super/remove", {}),
    ("POST", A + "/tenants/{tenant}/groups"): (f"{A}/tenants/{RED}/groups", {"name": "g"}),
    ("PUT", A + "/tenants/{tenant}/groups/{group_id}"): (f"{A}/tenants/{RED}/groups/group-1", {"name": "h"}),
    ("DELETE", A + "/tenants/{tenant}/groups/{group_id}"): (f"{A}/tenants/{RED}/groups/group-1", {}),
    ("POST", "/company/groups"): ("/company/groups", {"tenant": RED, "name": "i"}),
    ("POST", "/company/groups/{tenant}/{group_id}"): (f"/company/groups/{RED}/group-2", {"name": "j"}),
    ("POST", "/company/groups/{tenant}/{group_id}/remove"): (f"/company/groups/{RED}/group-2/remove", {}),
    ("POST", A + "/shares"): (A + "/shares", {"recordings": [R], "expires_at": "{SOON}"}),
    ("DELETE", A + "/shares/{share_id}"): (A + "/shares/share-1", {}),
    ("DELETE", A + "/shares/all/{share_id}"): (A + "/shares/all/share-2", {}),
    ("POST", "/shares/new"): ("/shares/new", {"recording": R, "days": "1", "audience": "signed_in"}),
    ("POST", "/shares/{share_id}/revoke"): ("/shares/share-3/revoke", {}),
    ("POST", "/company/shares/{share_id}/revoke"): ("/company/shares/share-4/revoke", {}),
    ("POST", A + "/tokens"): (A + "/tokens", {"label": "t"}),
    ("DELETE", A + "/tokens/{token_id}"): (A + "/tokens/token-1", {}),
    ("POST", "/account/tokens"): ("/account/tokens", {"label": "t", "all": "on"}),
    ("POST", "/account/tokens/{token_id}/remove"): ("/account/tokens/token-2/remove", {}),
    ("POST", A + "/webhooks"): (A + "/webhooks", {"url": "https://93.184.216.34/x", "tenant": RED}),
    ("PATCH", A + "/webhooks/{webhook_id}"): (A + "/webhooks/hook-1", {"label": "x"}),
    ("POST", A + "/webhooks/{webhook_id}/secret"): (A + "/webhooks/hook-1/secret", {}),
    ("POST", A + "/webhooks/{webhook_id}/test"): (A + "/webhooks/hook-1/test", {}),
    ("POST", A + "/webhooks/{webhook_id}/deliveries/{number}/replay"): (
        A + "/webhooks/hook-1/deliveries/{NUMBER}/replay", {}),
    ("POST", "/company/webhooks"): ("/company/webhooks", {**HOOK, "tenant": RED}),
    ("POST", "/company/webhooks/{webhook_id}"): (
        "/company/webhooks/hook-1", {**HOOK, "enabled": "on"}),
    ("POST", "/company/webhooks/{webhook_id}/secret"): ("/company/webhooks/hook-1/secret", {}),
    ("POST", "/company/webhooks/{webhook_id}/test"): ("/company/webhooks/hook-1/test", {}),
    ("POST", "/company/webhooks/{webhook_id}/deliveries/{number}/replay"): (
        "/company/webhooks/hook-1/deliveries/{NUMBER}/replay", {}),
    ("POST", "/company/webhooks/{webhook_id}/remove"): ("/company/webhooks/hook-2/remove", {}),
    ("DELETE", A + "/webhooks/{webhook_id}"): (A + "/webhooks/hook-1", {}),
    ("DELETE", A + "/me/sessions/{session}"): (A + "/me/sessions/mine-1", {}),
    ("POST", "/account/sessions/{session}/end"): ("/account/sessions/mine-2/end", {}),
    ("POST", "/account/sessions/end"): ("/account/sessions/end", {}),
    ("DELETE", A + "/trash/{recording_id}"): (f"{A}/trash/{R3}", {}),
    ("PUT", A + "/me/password"): (A + "/me/password", {"current": PASSWORD, "password": NEW}),
    ("POST", "/account/password"): (
        "/account/password", {"current": NEW, "password": NEW + " 2", "again": NEW + " 2"}),
    ("POST", "/sign-out"): ("/sign-out", {}),
}  # fmt: skip


async def furnish(world: World) -> dict[str, str]:
    """The things that the routes are about, and what stands for them in the paths."""
    catalog, at = world.catalog, world.story.at
    soon = at + timedelta(hours=9)
    for n in (1, 2, 3):
        await catalog.put_hold(HoldRow(f"hold-{n}", RED, f"Hold {n}", "r", "", None, None, at, "root"))
        await catalog.set_group(Group(f"group-{n}", RED, f"Group {n}"))
    for n in (1, 2, 3):
        await catalog.set_hook(Hook(f"hook-{n}", RED, "https://93.184.216.34/", "", (), True, 1, at))
        await catalog.add_token(ApiToken(f"token-{n}", "account-root", "t", at, None, None), f"digest-{n}")
        row = SessionRow(f"hash-m{n}", f"mine-{n}", "account-root", Stage.FULL, at, at, soon)
        await catalog.add_session(row)
    for n, whose in enumerate(("red-super", "red-super", "red-102"), 1):
        row = SessionRow(f"hash-{n}", f"session-{n}", f"account-{whose}", Stage.FULL, at, at, soon)
        await catalog.add_session(row)
    for n in (1, 2, 3, 4):
        share = Share(
            f"share-{n}", RED, "account-root", "root", "s", at, soon, Audience.SIGNED_IN, False, False,
            recordings=(world.recordings["red"],),
        )  # fmt: skip
        await catalog.add_share(share, f"share-hash-{n}")
    later(world, hours=1)
    scope = Scope(RED)
    await catalog.add_note(scope, world.recordings["red"], "a note", "root", "note-1")
    await catalog.set_media_state(world.recordings["shared"], MediaState.FAILED, error="x")
    await catalog.retry_jobs(scope, [world.recordings["red"]])
    for login in ("red-102", "red-super"):
        await catalog.begin_factor(f"account-{login}", "sealed")
    await catalog.trash(scope, [world.recordings["red-only-102"]], "root", "to be purged")
    return {
        "{R}": world.recordings["red"], "{R2}": world.recordings["shared"],
        "{R3}": world.recordings["red-only-102"], "{SOON}": soon.isoformat(),
    }  # fmt: skip


def test_every_route_that_changes_is_tried(world: World) -> None:
    found = {(m, p) for m, p, _ in gated(world.app) if m not in ("GET", "HEAD")}
    named = set(CHANGES) | set(NO_LINE) | set(ELSEWHERE)
    assert found - named == set(), "give each a row in CHANGES: what is to be sent, so that its line is seen"
    assert named - found == set(), "no such route any more"


async def test_every_change_is_a_line(world: World) -> None:
    known = await furnish(world)
    silent: list[str] = []
    refused: list[str] = []
    async with world.browser("root") as browser:
        token = form_token((await browser.get("/account")).text)
        for (method, template), (path, body) in CHANGES.items():
            before = await newest(world)
            answer = await change(world, browser, token, method, filled(path, known), filled(body, known))
            if answer.status_code >= 400:
                refused.append(f"{method} {template}: {answer.status_code} {told(answer)}")
            elif await newest(world) == before:
                silent.append(f"{method} {template}")
            if template.endswith("/test"):
                rows = await world.catalog.deliveries(Scope(None), "hook-1")
                known["{NUMBER}"] = str(rows[0].number)
    assert not refused, "\n".join(refused)
    assert not silent, "\n".join(silent)


async def test_the_own_second_factors_changes_are_lines(world: World) -> None:
    _, codes = await set_up(world, "red-admin")
    async with world.client() as browser:
        await sign_in(browser, "red-admin")
        await give_code(browser, codes[0])
        token = form_token((await browser.get("/account")).text)
        code = codes[1]
        for what in ("codes", "remove"):
            sent = {"csrf": token, "code": code}
            answer = await browser.post(f"/account/second-factor/{what}", data=sent)
            assert answer.status_code < 400, told(answer)
            # New codes take the place of the old ones.
            code = next(iter(re.findall(r"<code>([a-z2-7-]{19})</code>", answer.text)), "")
    said = {e.action for e in await world.catalog.audit_entries(Scope(RED))}
    assert {"recovery codes renewed", "second factor removed"} <= said


async def test_by_the_api_they_are_lines_too(world: World) -> None:
    async with world.browser("red-admin") as browser:
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}

        async def post(path: str, body: dict[str, Any]) -> Any:
            answer = await browser.post(A + path, json=body, headers=headers)
            assert answer.status_code < 400, answer.text
            return answer.json() if answer.content else {}

        view = await post("/recordings/views", {"name": "v", "query": "", "shared": True})
        gone = await browser.delete(f"{A}/recordings/views/{view['view_id']}", headers=headers)
        assert gone.status_code == 204
        made = await post("/me/second-factor", {})
        first = await post("/me/second-factor/confirm", {"code": code_at(world, made["secret"])})
        second = await post("/me/second-factor/codes", {"code": first["codes"][0]})
        await post("/me/second-factor/remove", {"code": second["codes"][0]})
    said = {e.action for e in await world.catalog.audit_entries(Scope(RED))}
    assert said >= {
        "view shared", "view removed", "second factor set up", "recovery codes renewed",
        "second factor removed",
    }  # fmt: skip


async def change(
    world: World, browser: httpx.AsyncClient, token: str, method: str, path: str, body: dict[str, Any]
) -> httpx.Response:
    if path == "/company/options":
        html = (await browser.get(f"/company/options?tenant={RED}")).text
        form = html[html.index('<form method="post" action="/company/options"') :]
        body = {"tenant": RED, "directions": "inbound"} | {
            name: (re.search(r'value="([^"]*)" selected', options) or [0, ""])[1]
            for name, options in re.findall(r'<select name="(\w+)"[^>]*>(.*?)</select>', form)
            if name != "operation"
        }
    headers = {"x-csrf-token": token}
    if path.startswith("/api/"):
        return await browser.request(method, path, headers=headers, **({"json": body} if body else {}))
    return await browser.request(method, path, headers=headers, data=body)


def filled(value: Any, known: dict[str, str]) -> Any:
    if isinstance(value, str):
        for name, stands_for in known.items():
            value = value.replace(name, stands_for)
        return value
    if isinstance(value, dict):
        return {key: filled(one, known) for key, one in value.items()}
    return [filled(one, known) for one in value] if isinstance(value, list) else value


async def newest(world: World) -> int:
    return await world.catalog.newest_audit()


def told(answer: httpx.Response) -> str:
    found = re.search(r'class="notice bad"[^>]*>(.{0,300})', answer.text, re.DOTALL)
    return found[1] if found else answer.text[:1500]
