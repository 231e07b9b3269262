"""Every page answers for every role, as the table of roles says."""

from __future__ import annotations

import pytest

from controller.core.roles import GRANTS

from .every_page import PAGES, addresses, furnish, page_routes
from .test_roles import gated
from .world import PEOPLE, World


def test_every_page_is_known(world: World) -> None:
    assert page_routes(world) == set(PAGES), "every page has an address in every_page.PAGES"


@pytest.mark.parametrize("who", PEOPLE)
async def test_pages(world: World, who: str) -> None:
    role = PEOPLE[who][0]
    known = await furnish(world)
    needs = {path: permission for method, path, permission in gated(world.app) if method == "GET"}
    seen = 0
    async with world.browser(who) as browser:
        for route, address in addresses(known, who):
            answer = await browser.get(address)
            assert answer.status_code != 500, (address, answer.text[:3000])
            if route not in needs:
                continue
            if needs[route] not in GRANTS[role]:
                assert answer.status_code == 403, address
            elif who in ("root", "red-admin") and "no-such" not in address:
                expected = 422 if address == "/disk?users=x" else 200
                assert answer.status_code == expected, (address, answer.text[:3000])
                assert "</html>" in answer.text
            else:
                # Of another tenant, of another's calls, or of what the role must not do.
                assert answer.status_code in (200, 403, 404, 422), (address, answer.text[:3000])
            seen += answer.status_code == 200
    assert seen >= 10


@pytest.mark.parametrize("name", ["red", "red-only-102", "blue", "shared"])
async def test_detail_pages(world: World, name: str) -> None:
    async with world.browser("root") as browser:
        call = await browser.get(f"/calls/{world.calls[name]}")
        assert call.status_code == 200, call.text[:3000]
        recording = await browser.get(f"/recordings/{world.recordings[name]}")
        assert recording.status_code == 200, recording.text[:3000]
        assert "SHA-256" in recording.text
