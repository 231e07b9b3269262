"""Every page and list answers for every role."""

from __future__ import annotations

import pytest

from controller.core.roles import GRANTS

from .test_roles import gated
from .world import PEOPLE, World

PAGES = [
    "/recordings", "/calls", "/live", "/account", "/api-docs", "/users",
    "/rules", "/rules/edit", "/explain", "/company/options", "/audit",
    "/explain?tenant=red.example&caller=101&callee=%2B4930",
]  # fmt: skip


@pytest.mark.parametrize("who", PEOPLE)
async def test_pages(world: World, who: str) -> None:
    role = PEOPLE[who][0]
    needs = {path: permission for method, path, permission in gated(world.app) if method == "GET"}
    async with world.browser(who) as browser:
        for path in PAGES:
            foreign = who == "blue-admin" and "red.example" in path
            granted = needs[path.partition("?")[0]] in GRANTS[role]
            expected = 404 if foreign and granted else 200 if granted else 403
            answer = await browser.get(path)
            assert answer.status_code == expected, (path, answer.text[:3000])
        general = await browser.get("/advanced/general")
        assert general.status_code == (200 if who == "root" else 403)


@pytest.mark.parametrize("name", ["red", "red-only-102", "blue", "shared"])
async def test_detail_pages(world: World, name: str) -> None:
    async with world.browser("root") as browser:
        call = await browser.get(f"/calls/{world.calls[name]}")
        assert call.status_code == 200, call.text[:3000]
        recording = await browser.get(f"/recordings/{world.recordings[name]}")
        assert recording.status_code == 200, recording.text[:3000]
        assert "SHA-256" in recording.text
