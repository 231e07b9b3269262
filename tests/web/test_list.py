"""The list of recordings: many at once, saved views, columns."""

from __future__ import annotations

from controller.engine.media_ports import INTERRUPTED, MediaState
from controller.engine.reading import RecordingFilter, Scope

from .world import World, form_token

ALL = Scope(None)


async def test_a_tag_goes_on_ones_own_recordings_only(world: World) -> None:
    red, blue = world.recordings["red"], world.recordings["blue"]
    async with world.browser("red-admin") as page:
        token = form_token((await page.get("/recordings")).text)
        fields = {"csrf": token, "action": "tag", "recording": [red, blue]}
        asked = await page.post("/recordings/act", data=fields)
        assert "Put the tag on 1 recording" in asked.text
        assert blue not in asked.text
        assert (await world.catalog.recordings(ALL, _tagged())).items == ()
        done = await page.post("/recordings/act", data={**fields, "tag": "VIP", "sure": "on"})
        assert "Done for" in done.text
    assert [r.recording_id for r in (await world.catalog.recordings(ALL, _tagged())).items] == [red]


def _tagged() -> RecordingFilter:
    return RecordingFilter(tag="vip")


async def test_what_is_held_is_not_deleted_and_it_is_said_before(world: World) -> None:
    red = world.recordings["red"]
    async with world.client("red-admin") as api:
        made = await api.post("/api/v1/tenants/red.example/holds", json={"name": "Court", "reason": "case"})
        hold = made.json()["hold_id"]
        assert (await api.put(f"/api/v1/holds/{hold}/recordings/{red}")).status_code == 204
    async with world.browser("red-admin") as page:
        token = form_token((await page.get("/recordings?hold=yes")).text)
        fields = {"csrf": token, "action": "trash", "all": "on", "query": "hold=yes"}
        asked = await page.post("/recordings/act", data=fields)
        assert "1 of them cannot be deleted" in asked.text
        assert "Court" in asked.text
        assert 'type="submit">Delete' not in asked.text
        await page.post("/recordings/act", data={**fields, "sure": "on"})
        assert red in (await page.get("/recordings")).text


async def test_a_view_is_seen_by_its_tenant_and_removed_by_its_owner_alone(world: World) -> None:
    async with world.browser("red-admin") as page:
        token = form_token((await page.get("/recordings")).text)
        view = {"csrf": token, "view": "Our paused", "query": "paused=yes&evil=%22", "shared": "on"}
        saved = await page.post("/recordings/views", data=view)
        assert saved.headers["location"] == "/recordings?paused=yes"
    for who, sees in (("red-101", True), ("blue-admin", False), ("root", False)):
        async with world.browser(who) as page:
            shown = (await page.get("/recordings")).text
            assert ("Our paused" in shown) is sees, who
            gone = await page.post(
                "/recordings/views/web000001/delete", data={"csrf": form_token(shown)}
            )  # fmt: skip
            assert gone.status_code == 404
    async with world.browser("red-admin") as page:
        token = form_token((await page.get("/recordings")).text)
        await page.post("/recordings/views/web000001/delete", data={"csrf": token})
    # What others see as well is a line; one's own views are nobody's business.
    said = [(e.action, e.subject, e.tenant) for e in await world.catalog.audit_entries(ALL)]
    assert [line for line in said if line[0].startswith("view")] == [
        ("view removed", "view Our paused", "red.example"), ("view shared", "view Our paused", "red.example"),
    ]  # fmt: skip


async def test_hostile_words_in_the_address_are_only_shown(world: World) -> None:
    async with world.browser("red-admin") as page:
        for typed in ("<script>alert(1)</script>", '" onload="x', "tag:<b>", "is:%", "\u202eevil", "'; DROP"):
            answer = await page.get("/recordings", params={"q": typed, "tag": typed, "sort": typed})
            assert answer.status_code == 200
            assert "<script>alert" not in answer.text
            assert '" onload="x' not in answer.text
            assert "Carl Blue" not in answer.text


async def test_what_broke_off_is_marked_in_the_list_and_on_its_page(world: World) -> None:
    red = world.recordings["red"]
    await world.catalog.reopen(red, "")
    await world.catalog.set_media_state(red, MediaState.AVAILABLE, duration_ms=1000, error=INTERRUPTED)
    async with world.browser("red-admin") as page:
        for query in ("state=interrupted", "q=is:interrupted"):
            assert red in (await page.get(f"/recordings?{query}")).text, query
        assert red not in (await page.get("/recordings?state=silent")).text
        shown = (await page.get("/recordings")).text
        assert shown.count(">interrupted</span>") == 1
        german = {"Accept-Language": "de"}
        assert ">unterbrochen</span>" in (await page.get("/recordings", headers=german)).text
        whole = (await page.get(f"/recordings/{red}", headers=german)).text
        assert "was sie noch nicht geschrieben hatte, fehlt" in whole
