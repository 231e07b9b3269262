"""What a session changes has to come from a page of ours: the form's token, on every route that changes."""

from __future__ import annotations

import pytest

from .world import World, form_token

MUTATIONS = [
    ("POST", "/api/v1/live/x/recording", {"operation": "pause-recording"}),
    ("PUT", "/api/v1/settings/system", {"record_external": True}),
    ("PUT", "/api/v1/tenants/red.example", {"audio": "on"}),
    ("PATCH", "/api/v1/tenants/red.example", {"options": {"pause_tone": True}}),
    ("PUT", "/api/v1/tenants/red.example/rules/queue/sales", {"audio": "forbid"}),
    ("DELETE", "/api/v1/settings/system/trunks/carrier", {}),
    ("POST", "/api/v1/tokens", {"label": "x"}),
]


@pytest.mark.parametrize(("method", "path", "body"), MUTATIONS)
async def test_a_session_changes_nothing_without_the_forms_token(
    world: World, method: str, path: str, body: dict[str, object]
) -> None:
    async with world.browser("root") as browser, world.browser("red-admin") as other:
        strange = form_token((await other.get("/recordings")).text)
        own = form_token((await browser.get("/recordings")).text)
        for headers in (
            {},
            {"x-csrf-token": "0" * 64},
            {"x-csrf-token": strange},
            {"x-csrf-token": own, "sec-fetch-site": "cross-site"},
            {"x-csrf-token": own, "sec-fetch-site": "same-site"},
        ):
            answer = await browser.request(method, path, json=body, headers=headers)
            assert answer.status_code == 403, headers
        assert world.control.asked == []
        assert world.control.reloads == 0
        allowed = await browser.request(method, path, json=body, headers={"x-csrf-token": own})
        assert allowed.status_code != 403


async def test_forms_need_the_token_as_well(world: World) -> None:
    call = world.calls["live-red"]
    async with world.browser("red-admin") as browser:
        for path, fields in (
            ("/sign-out", {}),
            (f"/live/{call}/recording", {"operation": "stop-recording"}),
            ("/users", {"user": "101"}),
            ("/users/red.example/101", {"audio": "on"}),
            ("/company/options", {"audio": "on"}),
            ("/rules/edit", {"scope": "queue", "name": "sales"}),
            ("/rules/remove", {"scope": "queue", "name": "sales"}),
            ("/account/tokens", {"label": "x"}),
        ):
            answer = await browser.post(path, data={**fields, "csrf": "f" * 64})
            assert answer.status_code == 403, path
        assert (await browser.get("/api/v1/me")).status_code == 200
    assert world.control.asked == []
