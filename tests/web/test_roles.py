"""Every route × every role: what the table of core.roles says, and nothing else, is what they may do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts

from controller.core.roles import GRANTS, Permission, Role, allows, may_give
from controller.engine.reading import Account, ApiToken
from controller.web.access import Me, Needs, declared, gate, token_digest
from controller.web.permits import Listener
from controller.web.problems import Problem

from .world import PEOPLE, World, form_token

#: Routes for whoever has no account (yet); every other one is behind the gate.
OPEN = re.compile(r"/(healthz|readyz|sign-in.*|first-run|static|texts/.*|s/.*)")
#: One of each role, of red where the role has a tenant.
ROLES = {PEOPLE[login][0]: login for login in ("root", "red-admin", "red-super", "red-officer", "red-101")}
#: What would end the walk.
ENDS = {"/sign-out"}
STREAMS = ("/live/stream", "/jobs/stream", "/api/v1/live/events")
REFUSED = "This needs the permission"


def gated(app: FastAPI) -> Iterator[tuple[str, str, Permission | None]]:
    """(method, path, its permission) of every route behind the gate."""
    for context in iter_route_contexts(app.routes):
        assert context.path is not None
        if OPEN.fullmatch(context.path):
            continue
        for method in sorted(context.methods or ()):
            yield method, context.path, declared(context.original_route)


async def own(me: Listener) -> str:
    return me.login


async def nested(name: Annotated[str, Depends(own)]) -> str:
    return name


def test_every_role_is_walked() -> None:
    assert set(ROLES) == set(Role) == set(GRANTS)


def test_every_route_declares_its_permission(world: World) -> None:
    found = list(gated(world.app))
    assert len(found) > 50
    assert [(m, p) for m, p, permission in found if permission is None] == []


@pytest.mark.parametrize("role", list(Role))
async def test_every_route_is_for_whom_the_table_says(world: World, role: Role) -> None:
    refused = let_in = 0
    async with world.browser(ROLES[role]) as browser:
        token = form_token((await browser.get("/account")).text)
        for method, template, permission in gated(world.app):
            if template in ENDS:
                continue
            assert permission is not None
            if template in STREAMS and permission in GRANTS[role]:
                continue
            path = re.sub(
                r"{(\w+)(?::path)?}", lambda m: {"number": "1", "role": "segment"}.get(m[1], "x"), template
            )
            more: dict[str, Any] = {}
            if method not in ("GET", "HEAD"):
                more = {"json": {}} if path.startswith("/api/") else {"data": {}}
            headers = {"x-csrf-token": token, "accept": "application/json"}
            answer = await browser.request(method, path, headers=headers, **more)
            if method == "HEAD":
                assert (answer.status_code == 403) == (permission not in GRANTS[role]), (path, role)
                continue
            assert answer.status_code not in (401, 500), (method, path, answer.text)
            assert (REFUSED in answer.text) == (permission not in GRANTS[role]), (method, path, role)
            if permission in GRANTS[role]:
                let_in += 1
            else:
                assert answer.status_code == 403, (method, path)
                refused += 1
    assert let_in > 15
    assert refused > 3 or role is Role.SYSTEM


LOGINS = {role: str(role).replace("_", "-") for role in Role}


@pytest.mark.parametrize("tenant", ["red.example", "blue.example"])
async def test_every_route_times_every_role_in_both_tenants(
    world: World, monkeypatch: pytest.MonkeyPatch, tenant: str
) -> None:
    """Whether the gate opens, without what is behind it: so all of it takes seconds."""
    real = Needs.__call__

    async def stop(self: Needs, request: Request, me: Me) -> Account:
        account = await real(self, request, me)
        assert account.tenant in (None, tenant)
        raise Problem(418, "in")

    tokens: dict[Role, str] = {}
    for role, login in LOGINS.items():
        account = Account(f"{login}@{tenant}", f"{login}@{tenant}", role, tenant, "101")
        if role is Role.SYSTEM:
            account = Account(f"{login}@{tenant}", f"{login}@{tenant}", role, None, None)
        await world.catalog.add_account(account, "")
        tokens[role] = f"tl_{login}_{tenant}"
        token = ApiToken(account.account_id, account.account_id, "walk", world.story.at, None, None)
        await world.catalog.add_token(token, token_digest(tokens[role]))
    monkeypatch.setattr(Needs, "__call__", stop)
    every, walked = list(gated(world.app)), 0
    async with world.client() as client:
        for role in Role:
            headers = {"authorization": f"Bearer {tokens[role]}", "accept": "application/json"}
            for method, template, permission in every:
                assert permission is not None
                path = re.sub(r"{(\w+)(?::path)?}", lambda m: {"number": "1"}.get(m[1], "x"), template)
                more = {} if method in ("GET", "HEAD") else {"json": {}}
                answer = await client.request(method, path, headers=headers, **more)
                wanted = 418 if permission in GRANTS[role] else 403
                # An API token is not enough for some of one's own account.
                got = 418 if "needs a session" in answer.text else answer.status_code
                if method == "HEAD" and permission in GRANTS[role] and got == 403:
                    got = 418
                assert got == wanted, (method, path, role, tenant, answer.text)
                walked += 1
    assert walked == len(every) * len(Role)


async def test_a_refusal_is_in_the_audit_once(world: World) -> None:
    async with world.client("red-101") as user:
        for path in ("/api/v1/audit", "/api/v1/audit", "/api/v1/accounts"):
            assert (await user.get(path)).status_code == 403
    async with world.client("red-admin") as admin:
        lines = (await admin.get("/api/v1/audit", params={"action": "refused"})).json()["items"]
    assert [(e["account"], e["subject"], e["detail"]) for e in lines] == [
        ("red-101", "manage_accounts", "GET /api/v1/accounts"),
        ("red-101", "see_audit", "GET /api/v1/audit"),
    ]


async def test_a_route_that_declares_nothing_is_refused_to_everybody(world: World) -> None:
    async def forgotten(me: Me) -> str:
        return "secret"

    async def meant(me: Listener) -> str:
        return "heard"

    for path, endpoint in (("/forgotten", forgotten), ("/meant", meant)):
        world.app.add_api_route(path, endpoint, dependencies=[Depends(gate)])
    async with world.client("root") as root:
        answer = await root.get("/forgotten", headers={"accept": "application/json"})
        assert (answer.status_code, "secret" in answer.text) == (403, False)
        assert (await root.get("/meant")).json() == "heard"


def test_a_permission_that_another_dependency_declares_counts() -> None:
    app = FastAPI()
    app.add_api_route("/x", nested)
    [found] = [declared(c.original_route) for c in iter_route_contexts(app.routes) if c.path == "/x"]
    assert found is Permission.LISTEN


@pytest.mark.parametrize("role", list(Role))
def test_a_tokens_scopes_only_take_away(role: Role) -> None:
    for permission in Permission:
        assert allows(role, permission) == (permission in GRANTS[role])
        assert allows(role, permission, frozenset({permission})) == (permission in GRANTS[role])
        narrow = allows(role, permission, frozenset({Permission.LISTEN}))
        wanted = permission in (Permission.LISTEN, Permission.OWN_ACCOUNT) and permission in GRANTS[role]
        assert narrow == wanted


def test_nobody_makes_an_account_that_may_more_than_they() -> None:
    assert [r for r in Role if may_give(Role.SYSTEM, r)] == list(Role)
    assert [r for r in Role if may_give(Role.TENANT, r)] == [r for r in Role if r is not Role.SYSTEM]
    for role in (Role.SUPERVISOR, Role.COMPLIANCE, Role.USER):
        assert not any(may_give(role, other) for other in Role)


def test_the_officer_changes_nothing_of_the_policy_and_the_user_nothing_of_others() -> None:
    """What the issue says of the roles, beside the table itself."""
    changes = {Permission.CHANGE_POLICY, Permission.CHANGE_OPTIONS, Permission.SYSTEM_SETTINGS}
    officer, user = GRANTS[Role.COMPLIANCE], GRANTS[Role.USER]
    assert not changes & (officer | user | GRANTS[Role.SUPERVISOR])
    assert {Permission.LISTEN, Permission.HOLD, Permission.SEE_AUDIT, Permission.EXPORT} <= officer
    assert Permission.CONTROL_LIVE in user
    assert Permission.SYSTEM_SETTINGS not in GRANTS[Role.TENANT]
    assert Account("a", "a", Role.SUPERVISOR, "red.example", None).scope.team is not None
