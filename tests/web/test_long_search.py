"""A search that takes too long: the pages and the API say so in plain words, and how it goes on."""

from __future__ import annotations

import re

import pytest

from controller.catalog import narrowing, walking

from .world import World, form_token


@pytest.fixture(autouse=True)
def short_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each search stops after the first row."""
    monkeypatch.setattr(walking, "FIRST", 1)
    monkeypatch.setattr(walking, "MORE", 1)
    monkeypatch.setattr(walking, "MOST_S", 0.0)
    monkeypatch.setattr(walking, "MOST_S_OF_ALL", 0.0)
    monkeypatch.setattr(narrowing, "_most", lambda sqlite: -1)


@pytest.mark.parametrize("name", ["recordings", "calls"])
async def test_the_api_says_that_a_page_is_unfinished_and_goes_on(world: World, name: str) -> None:
    asked: dict[str, str] = {"party": "nobody is called so"}
    async with world.client("root") as api:
        pages = [(await api.get(f"/api/v1/{name}", params=asked)).json()]
        while pages[-1]["next"]:
            answer = await api.get(f"/api/v1/{name}", params={**asked, "before": pages[-1]["next"]})
            pages.append(answer.json())
        plain = (await api.get(f"/api/v1/{name}")).json()
    assert len(pages) > 1
    for page in pages[:-1]:
        assert page["items"] == []
        assert page["unfinished"] is True
        assert page["reached"]
    assert (pages[-1]["unfinished"], pages[-1]["reached"]) == (False, None)
    assert plain["unfinished"] is False


@pytest.mark.parametrize("name", ["recordings", "calls"])
async def test_the_page_says_so_and_offers_to_search_on(world: World, name: str) -> None:
    async with world.browser("root") as page:
        shown = (await page.get(f"/{name}?party=nobody+is+called+so")).text
        assert "Nothing found so far" in shown
        assert "Nothing fits" not in shown
        assert "A shorter span of time or a rarer word is quicker." in shown
        for _ in range(50):
            onward = re.search(rf'rel="next" href="(/{name}\?[^"]+)"', shown)
            if onward is None:
                break
            shown = (await page.get(onward[1].replace("&amp;", "&"))).text
        assert "Nothing more fits these filters" in shown
        german = await page.get(
            f"/{name}?party=nobody+is+called+so", headers={"accept-language": "de"}
        )  # fmt: skip
        assert "Weitersuchen" in german.text


async def test_what_was_found_so_far_is_shown_with_the_notice(world: World) -> None:
    async with world.browser("root") as page:
        shown = (await page.get("/recordings?direction=inbound")).text
        assert "data-stopped" in shown
        # It goes on when it is asked to, not by itself.
        assert "data-more" not in shown


async def test_nothing_is_done_to_a_part_of_what_matches(world: World) -> None:
    async with world.client("root") as api:
        body = {"action": "tag", "value": "x", "matching": True}
        refused = await api.post("/api/v1/recordings/bulk", params={"party": "1"}, json=body)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert "shorter span of time" in refused.json()["detail"]
    async with world.browser("root") as page:
        token = form_token((await page.get("/recordings")).text)
        fields = {"csrf": token, "action": "tag", "all": "on", "query": "party=1"}
        asked = await page.post("/recordings/act", data=fields)
        assert asked.status_code == 503
        assert "shorter span of time" in asked.text
