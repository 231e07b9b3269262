"""A span that was taken out is taken back: others hear, read and find it again, and it stays told."""

from __future__ import annotations

import pytest

from controller.core.options import Redaction, TenantOptions, Transcripts
from controller.core.transcripts import Transcript, Utterance, as_json
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import Scope, TenantSettings
from controller.media.errors import MediaError
from controller.media.integrity import digest
from controller.media.redacting import ChosenSpans
from controller.media.shelves import home_only

from .test_redactions import SPAN, beep, sound
from .test_transcripts import audit, said, spoken
from .world import World, form_token

HERE = "400/700"


async def roles(world: World) -> set[FileRole]:
    return {f.role for f in await world.catalog.files(world.recordings["red"])}


async def test_the_last_one_taken_back_the_other_rendition_goes(world: World) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}"
    whole = world.sound[recording_id]
    async with world.client("red-officer") as officer, world.client("red-admin") as admin:
        async with world.client("red-101") as user:
            await officer.post(f"{url}/redactions", json=SPAN)
            await beep(world)
            (beeped,) = [f for f in await world.catalog.files(recording_id) if f.role is FileRole.REDACTED]
            answer = await admin.delete(f"{url}/redactions/{HERE}")
            assert answer.status_code == 200, answer.text
            (item,) = answer.json()["items"]
            assert (item["by"], item["taken_back_by"], item["done"]) == ("red-officer", "red-admin", False)
            assert item["taken_back_at"]
            # Until it is done they hear what they heard, and no more.
            assert (await user.get(f"{url}/audio")).content not in (b"", whole)
            assert await beep(world) == 1
            assert await beep(world) == 0
            assert (await user.get(f"{url}/audio")).content == whole
            assert {f["role"] for f in (await user.get(url)).json()["files"]} == {"rendition", "segment"}
            (item,) = (await officer.get(f"{url}/redactions")).json()["items"]
            assert (item["taken_back_by"], item["done"]) == ("red-admin", True)
            # Once only.
            assert (await admin.delete(f"{url}/redactions/{HERE}")).status_code == 404
    assert not world.store.path(beeped.key).exists()
    assert FileRole.REDACTED not in await roles(world)
    assert await audit(world, "take back span") == [("red-admin", "400 to 700 ms")]
    assert await audit(world, "delete redacted") == [
        ("tapeline", f"nothing is taken out any more: redacted 0 sha256 {beeped.sha256}")
    ]


async def test_what_else_is_taken_out_stays_so(world: World) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}/redactions"
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        await admin.post(url, json=SPAN)
        await admin.post(url, json={**SPAN, "from_ms": 600, "to_ms": 900})
        assert await beep(world) == 1
        await admin.delete(f"{url}/{HERE}")
        assert await beep(world) == 1
        assert (await user.get(f"/api/v1/recordings/{recording_id}/audio")).status_code == 200
        before, after = [
            await sound(world, recording_id, role) for role in (FileRole.RENDITION, FileRole.REDACTED)
        ]
        changed = (before != after).any(axis=1)
        assert not changed[: 600 * 8].any()
        assert changed[600 * 8 : 900 * 8].mean() > 0.9
        assert not changed[900 * 8 :].any()
        # Chosen once more, it is taken out once more, and nobody hears the recording before.
        await admin.post(url, json=SPAN)
        assert [x["taken_back_by"] for x in (await admin.get(url)).json()["items"]] == ["", ""]
        assert (await user.get(f"/api/v1/recordings/{recording_id}/audio")).status_code == 403
        assert await beep(world) == 1
        changed = (before != await sound(world, recording_id, FileRole.REDACTED)).any(axis=1)
        assert changed[400 * 8 : 900 * 8].mean() > 0.9


async def test_digits_stay_taken_out(world: World) -> None:
    wish = TenantOptions(transcripts=Transcripts.ON, redact_digits=Redaction.AUDIO)
    await world.catalog.set_tenant(TenantSettings("red.example", options=wish))
    recording_id = world.recordings["red"]
    source = next(f.sha256 for f in await world.catalog.files(recording_id) if f.role is FileRole.RENDITION)
    found = Transcript("en", "x", source, (said("ok", 0),), True, ((100, 200),))
    await world.catalog.set_transcript(recording_id, found, Redaction.AUDIO)
    url = f"/api/v1/recordings/{recording_id}/redactions"
    async with world.client("red-admin") as admin:
        await admin.post(url, json=SPAN)
        assert await beep(world) == 1
        await admin.delete(f"{url}/{HERE}")
        assert await beep(world) == 1
    before, after = [
        await sound(world, recording_id, role) for role in (FileRole.RENDITION, FileRole.REDACTED)
    ]
    changed = (before != after).any(axis=1)
    assert changed[100 * 8 : 200 * 8].mean() > 0.9
    assert not changed[200 * 8 :].any()
    assert await audit(world, "delete redacted") == []


async def written(world: World, recording_id: str, *lines: Utterance) -> None:
    """The transcript's file, as transcribing leaves it: with all of its words."""
    source = next(f.sha256 for f in await world.catalog.files(recording_id) if f.role is FileRole.RENDITION)
    key = f"red.example/2026/11/22/{recording_id}.transcript.json"
    path = world.store.path(key)
    path.write_bytes(as_json(Transcript("en", "fake 1", source, lines)))
    whole = digest(path)
    await world.catalog.add_file(
        StoredFile(recording_id, FileRole.TRANSCRIPT, 0, key, "json", whole.size, whole.sha256, 0, 0, 0)
    )


async def test_the_words_are_read_and_found_again_once_they_are_heard_again(world: World) -> None:
    lines = (said("my boss is Miller indeed", 0), said("I see", 100, 1))
    recording_id = await spoken(world, *lines)
    await written(world, recording_id, *lines)
    url = f"/api/v1/recordings/{recording_id}"
    miller, boss = {"from_ms": 900, "to_ms": 990}, {"from_ms": 310, "to_ms": 500}

    async def text() -> str:
        async with world.client("red-101") as user:
            return (await user.get(f"{url}/transcript", params={"format": "text"})).text

    async def finds(word: str) -> bool:
        async with world.client("red-101") as user:
            return bool((await user.get("/api/v1/recordings", params={"text": word})).json()["items"])

    async with world.client("red-admin") as admin:
        for span in (miller, boss):
            await admin.post(f"{url}/redactions", json={**SPAN, **span})
        await beep(world)
        assert "my [redacted] is [redacted] indeed" in await text()
        await admin.delete(f"{url}/redactions/900/990")
        assert not await finds("Miller"), "before they hear it they do not read it"
        await beep(world)
        assert "my [redacted] is Miller indeed" in await text()
        assert await finds("Miller")
        assert not await finds("boss")
        await admin.delete(f"{url}/redactions/310/500")
        await beep(world)
        assert "my boss is Miller indeed" in await text()


async def test_a_text_without_its_file_keeps_what_is_hidden(world: World) -> None:
    recording_id = await spoken(world, said("my boss is Miller indeed", 0))
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client("red-admin") as admin:
        await admin.post(f"{url}/redactions", json={**SPAN, "from_ms": 900, "to_ms": 990})
        await beep(world)
        await admin.delete(f"{url}/redactions/900/990")
        assert await beep(world) == 1
        assert (await admin.get(f"{url}/audio")).status_code == 200
        text = (await admin.get(f"{url}/transcript", params={"format": "text"})).text
        assert "my boss is [redacted] indeed" in text


@pytest.mark.parametrize("who", ["red-101", "red-super"])
async def test_who_may_not_hear_it_takes_nothing_back(world: World, who: str) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}/redactions"
    async with world.client("red-admin") as admin, world.client(who) as client:
        await admin.post(url, json=SPAN)
        assert (await client.delete(f"{url}/{HERE}")).status_code == 403
    async with world.browser(who) as browser:
        token = form_token((await browser.get("/account")).text)
        given = {"csrf": token, "from_ms": "400", "to_ms": "700"}
        answer = await browser.post(f"/recordings/{recording_id}/redact/take-back", data=given)
        assert answer.status_code == 403
    (span,) = await world.catalog.chosen_spans(Scope(None), recording_id) or []
    assert span.taken_back_at is None


async def test_another_tenants_recording_is_not_there(world: World) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}/redactions"
    async with world.client("red-admin") as admin, world.client("blue-admin") as blue:
        await admin.post(url, json=SPAN)
        answer = await blue.delete(f"{url}/{HERE}")
        there_is_none = await blue.delete(f"/api/v1/recordings/{'0' * 26}/redactions/{HERE}")
        assert (answer.status_code, answer.json()) == (404, there_is_none.json())
        assert (await admin.delete(f"{url}/400/701")).status_code == 404
    async with world.browser("blue-admin") as browser:
        token = form_token((await browser.get("/account")).text)
        given = {"csrf": token, "from_ms": "400", "to_ms": "700"}
        answer = await browser.post(f"/recordings/{recording_id}/redact/take-back", data=given)
        assert answer.status_code == 404
    assert not await world.catalog.take_back_span(Scope("blue.example"), recording_id, 400, 700, "x")
    (span,) = await world.catalog.chosen_spans(Scope(None), recording_id) or []
    assert span.taken_back_at is None


async def test_the_pages_button(world: World) -> None:
    recording_id = world.recordings["red"]
    async with world.browser("red-admin") as browser:
        token = form_token((await browser.get(f"/recordings/{recording_id}")).text)
        given = {"csrf": token, "from": "0.4", "to": "0.7", "why": "x"}
        await browser.post(f"/recordings/{recording_id}/redact", data=given)
        await beep(world)
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "Let it be heard again" in page
        way = f"/recordings/{recording_id}/redact/take-back"
        assert (
            await browser.post(way, data={"csrf": token, "from_ms": "-1", "to_ms": "x"})
        ).status_code == 422
        answer = await browser.post(way, data={"csrf": token, "from_ms": "400", "to_ms": "700"})
        assert answer.headers["location"] == f"/recordings/{recording_id}#redactions"
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "taken back by <bdi>red-admin</bdi>" in page
        assert "being put back" in page
        assert "Let it be heard again" not in page
        await beep(world)
        assert "being put back" not in (await browser.get(f"/recordings/{recording_id}")).text


async def test_chosen_again_while_it_goes_it_is_made_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes work at once: the file that the one removes may be the one that the other has made."""
    recording_id = world.recordings["red"]
    span = Scope(None), recording_id, 400, 700
    stores = home_only(world.store)
    await world.catalog.redact_span(*span, "ann", "x")
    await beep(world)
    await world.catalog.take_back_span(*span, "ann")
    (old,) = [f for f in await world.catalog.files(recording_id) if f.role is FileRole.REDACTED]
    assert await world.catalog.begin_unredacted(old)
    await world.catalog.redact_span(*span, "ann", "x")
    assert await beep(world) == 1
    stores.delete(old)
    await world.catalog.end_unredacted(recording_id)
    assert not await world.catalog.begin_unredacted(old)
    assert await beep(world) == 1
    (made,) = [f for f in await world.catalog.files(recording_id) if f.role is FileRole.REDACTED]
    assert stores.digest(made).sha256 == made.sha256

    # What cannot be removed now is removed later, and told of once.
    await world.catalog.take_back_span(*span, "ann")

    def away(file: StoredFile) -> None:
        raise MediaError("away")

    monkeypatch.setattr(stores, "delete", away)
    assert await ChosenSpans(world.catalog, stores).round() == 0
    monkeypatch.undo()
    assert await ChosenSpans(world.catalog, stores).round() == 1
    assert FileRole.REDACTED not in await roles(world)
    assert len(await audit(world, "delete redacted")) == 2
