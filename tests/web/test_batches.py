"""Many at once: what was confirmed is what is done, behind the request too; ZIPs for the right ears only."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.engine.batches import BatchState
from controller.engine.media_ports import MediaState
from controller.engine.reading import RecordingFilter, Scope
from controller.web import batch_work
from controller.web.batch_work import BatchWork
from controller.web.pages import recordings_act
from controller.web.zipping import contents, forgetting
from tests.catalog.story import inside, outside

from .world import World, form_token, later

RED = Scope("red.example")


def exports(world: World) -> Path:
    assert world.services.exports is not None
    return world.services.exports


async def ask(browser: httpx.AsyncClient, **fields: object) -> httpx.Response:
    token = form_token((await browser.get("/recordings")).text)
    return await browser.post("/recordings/act", data={"csrf": token, **fields})


def hidden(page: httpx.Response) -> dict[str, str]:
    """What the page that asks would send."""
    form = page.text[page.text.index('action="/recordings/act"') :]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))


async def tagged(world: World, tag: str) -> set[str]:
    found = await world.catalog.recordings(Scope(None), RecordingFilter(tag=tag))
    return {row.recording_id for row in found.items}


async def test_what_comes_between_question_and_confirmation_is_not_touched(world: World) -> None:
    later(world, hours=1)
    async with world.browser("red-admin") as browser:
        asked = await ask(browser, action="trash", all="on", query="")
        count = re.search(r"<b>(\d+) recordings?</b>", asked.text)
        assert count
        world.story.talk("n1", inside("101"), "n2", outside("+49777"), seconds=20)
        await world.story.save(world.catalog, "fs1")
        later(world, hours=1)
        done = await browser.post("/recordings/act", data={**hidden(asked), "why": "tidy"})
        assert "Done for" in done.text
        again = await browser.post("/recordings/act", data={**hidden(asked), "why": "tidy"})
        assert again.status_code == 409
    left = [r for r in (await world.catalog.recordings(RED, RecordingFilter())).items if r.ended_at]
    assert [p.number for r in left for p in r.parties if p.number == "+49777"] == ["+49777"]
    # Another one's choice is nobody else's to confirm.
    async with world.browser("red-officer") as other:
        token = form_token((await other.get("/recordings")).text)
        stolen = {**hidden(asked), "csrf": token, "action": "trash"}
        assert (await other.post("/recordings/act", data=stolen)).status_code in (403, 409)


async def test_many_are_done_behind_the_request_and_go_on_after_a_death(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings_act, "AT_ONCE", 1)
    monkeypatch.setattr(batch_work, "AT_ONCE", 1)
    async with world.browser("red-admin") as browser:
        asked = await ask(browser, action="tag", all="on", query="")
        sent = await browser.post("/recordings/act", data={**hidden(asked), "tag": "Many"})
        assert sent.status_code == 303
        url = sent.headers["location"]
        assert "waiting" in (await browser.get(url)).text
        batch_id = url.rpartition("/")[2]
        # A process takes it, does one, and dies.
        taken = await world.catalog.next_batch(world.story.at, world.story.at)
        assert taken is not None
        assert await world.catalog.next_batch(world.story.at, world.story.at) is None
        first = await BatchWork(world.services)._deed(replace(taken, ids=taken.ids[:1]))
        assert await tagged(world, "many") == {taken.ids[0]}
        await world.catalog.save_batch(replace(first, ids=taken.ids))
        await BatchWork(world.services).round()
        assert len(await tagged(world, "many")) == 1, "its worker may still be alive"
        later(world, minutes=5)
        await BatchWork(world.services).round()
        assert await tagged(world, "many") == set(taken.ids)
        assert "done" in (await browser.get(url)).text
        found = await world.catalog.batch("account-red-admin", batch_id)
        assert found is not None
        assert (found.state, found.done) == (BatchState.DONE, len(taken.ids))
        # What is stopped before its end is a line; what was done stays done.
        second = await ask(browser, action="tag", all="on", query="")
        url2 = (await browser.post("/recordings/act", data={**hidden(second), "tag": "x"})).headers[
            "location"
        ]
        token = form_token((await browser.get(url2)).text)
        await browser.post(f"{url2}/remove", data={"csrf": token})
        await BatchWork(world.services).round()
        assert await tagged(world, "x") == set()
        [line, *_] = await world.catalog.audit_entries(RED, 1)
        assert (line.action, line.detail) == ("bulk work stopped", f"Tag recordings: 0 of {len(taken.ids)}")
    async with world.browser("red-officer") as other:
        assert (await other.get(url)).status_code == 404
    later(world, hours=25)
    await BatchWork(world.services).round()
    assert await world.catalog.batches("account-red-admin") == []


async def test_who_may_no_more_does_no_more(world: World) -> None:
    async with world.browser("red-admin") as browser:
        asked = await ask(browser, action="zip", all="on", query="")
        url = (await browser.post("/recordings/act", data=hidden(asked))).headers["location"]
        me = await world.catalog.account("account-red-admin")
        assert me is not None
        await world.catalog.change_account(replace(me, disabled=True))
    await BatchWork(world.services).round()
    found = await world.catalog.batch("account-red-admin", url.rpartition("/")[2])
    assert found is not None
    assert (found.state, found.error) == (
        BatchState.FAILED, "Whoever asked for it may not do this any more.",
    )  # fmt: skip


async def test_a_zip_holds_what_its_asker_may_hear_and_is_fetched_while_they_may(world: World) -> None:
    async with world.browser("red-admin") as browser:
        wanted = [world.recordings[n] for n in ("red", "red-only-102", "blue")]
        asked = await ask(browser, action="zip", recording=wanted)
        assert world.recordings["blue"] not in asked.text
        fields = {**hidden(asked), "recording": wanted[:2]}
        url = (await browser.post("/recordings/act", data=fields)).headers["location"]
        assert (await browser.get(f"{url}/download")).status_code == 404
        await BatchWork(world.services).round()
        before = await world.catalog.newest_audit()
        answer = await browser.get(f"{url}/download")
        assert answer.status_code == 200
        with zipfile.ZipFile(io.BytesIO(answer.content)) as made:
            assert made.testzip() is None
            rows = list(csv.DictReader(io.StringIO(made.read("recordings.csv").decode())))
            assert {row["recording"] for row in rows} == set(wanted[:2])
            for row in rows:
                assert made.read(row["file"]) == world.sound[row["recording"]]
        lines = await world.catalog.audit_entries(RED, 10)
        assert await world.catalog.newest_audit() == before + 2
        assert {(e.action, e.detail) for e in lines[:2]} == {("download", "in a ZIP")}
        [file] = exports(world).iterdir()
        assert file.stat().st_mode & 0o077 == 0
        # What is deleted is fetched by nobody any more.
        later(world, hours=1)
        await world.catalog.trash(RED, [wanted[0]], "x", "y")
        assert (await browser.get(f"{url}/download")).status_code == 409
        later(world, hours=25)
        await BatchWork(world.services).round()
        assert not file.exists()
    async with world.browser("red-101") as user:
        refused = await ask(user, action="zip", recording=wanted[0])
        assert refused.status_code == 403


async def test_what_has_no_file_is_left_out_and_said(world: World) -> None:
    await world.catalog.set_media_state(world.recordings["red"], MediaState.FAILED, error="x")
    world.store.path("x").parent.mkdir(parents=True, exist_ok=True)
    for path in world.store.path("x").parent.rglob(f"*{world.recordings['red-only-102']}*"):
        path.unlink()
    async with world.browser("red-admin") as browser:
        asked = await ask(browser, action="zip", all="on", query="")
        url = (await browser.post("/recordings/act", data=hidden(asked))).headers["location"]
        await BatchWork(world.services).round()
        page = (await browser.get(url)).text
        assert "its file cannot be read now" in page
        assert (await browser.get(f"{url}/download")).status_code == 200
        token = form_token(page)
        assert (await browser.post(f"{url}/remove", data={"csrf": token})).status_code == 303
        assert (await browser.get(url)).status_code == 404
    assert list(exports(world).iterdir()) == []


async def test_what_is_deleted_for_good_is_in_no_zip_either(world: World) -> None:
    async with world.browser("red-admin") as browser:
        for name in ("red", "red-only-102"):
            asked = await ask(browser, action="zip", recording=world.recordings[name])
            await browser.post("/recordings/act", data=hidden(asked))
    await BatchWork(world.services).round()
    folder = exports(world)
    assert len(list(folder.iterdir())) == 2
    half = folder / "half.part"
    half.write_bytes(b"half")
    forgetting(folder)(world.recordings["red"])
    [left] = folder.iterdir()
    assert set(contents(left)) == {world.recordings["red-only-102"]}
    forgetting(folder / "none")(world.recordings["red"])
