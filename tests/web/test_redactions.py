"""A span that somebody chooses is gone for others: by the API and on the page."""

from __future__ import annotations

import numpy as np
import pytest

from controller.core.options import Redaction, TenantOptions, Transcripts
from controller.core.transcripts import Transcript
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import Scope, TenantSettings
from controller.media import samples
from controller.media.redacting import ChosenSpans
from controller.media.shelves import home_only

from .test_transcripts import UNREDACTED, audit, said, spoken
from .world import World, form_token, wav

SPAN = {"from_ms": 400, "to_ms": 700, "why": "a name of somebody else"}


async def beep(world: World) -> int:
    return await ChosenSpans(world.catalog, home_only(world.store)).round()


async def sound(world: World, recording_id: str, role: FileRole) -> np.ndarray:
    (file,) = [f for f in await world.catalog.files(recording_id) if f.role is role]
    return samples.whole(world.store.path(file.key))


async def test_a_chosen_span_is_a_beep_for_others_and_the_original_stays(world: World) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}"
    whole = world.sound[recording_id]
    async with world.client("red-officer") as officer, world.client("red-101") as user:
        assert (await user.get(f"{url}/audio")).content == whole
        made = await officer.post(f"{url}/redactions", json=SPAN)
        assert made.status_code == 201, made.text
        (item,) = made.json()["items"]
        assert (item["from_ms"], item["to_ms"], item["by"], item["done"]) == (400, 700, "red-officer", False)
        # Until the beep is there nobody hears it but who may.
        for way in ("audio", "download", "clip"):
            assert (await user.get(f"{url}/{way}")).status_code == 403
            assert (await officer.get(f"{url}/{way}", params=UNREDACTED)).status_code == 200
        assert await beep(world) == 1
        assert await beep(world) == 0
        assert (await officer.get(f"{url}/redactions")).json()["items"][0]["done"]
        heard = (await user.get(f"{url}/audio")).content
        assert heard not in (b"", whole)
        assert (await officer.get(f"{url}/audio", params=UNREDACTED)).content == whole
        for file in (await user.get(url)).json()["files"]:
            answer = await user.get(file["url"])
            assert (answer.status_code == 200) == (file["role"] == "redacted"), file
    before, after = (
        await sound(world, recording_id, FileRole.RENDITION),
        await sound(world, recording_id, FileRole.REDACTED),
    )
    assert (after[:3200] == before[:3200]).all()
    assert (after[5600:] == before[5600:]).all()
    tone = after[3200:5600].astype(int)
    assert (np.abs(tone[8:] - tone[:-8]) <= 1).all(), "1000 Hz, and nothing else"
    assert np.abs(tone).max() > 1500
    assert await audit(world, "redact span") == [("red-officer", "400 to 700 ms: a name of somebody else")]


@pytest.mark.parametrize("who", ["red-101", "red-super"])
async def test_who_may_not_hear_what_is_redacted_chooses_nothing(world: World, who: str) -> None:
    url = f"/api/v1/recordings/{world.recordings['red']}/redactions"
    async with world.client(who) as client:
        assert (await client.get(url)).status_code == 403
        assert (await client.post(url, json=SPAN)).status_code == 403
    async with world.browser(who) as browser:
        page = (await browser.get("/account")).text
        answer = await browser.post(
            f"/recordings/{world.recordings['red']}/redact", data={"csrf": form_token(page), "from": "0"}
        )
        assert answer.status_code == 403
    assert await world.catalog.redactions_due() == []


async def test_another_tenants_recording_is_not_there(world: World) -> None:
    url = f"/api/v1/recordings/{world.recordings['red']}/redactions"
    async with world.client("blue-admin") as blue:
        assert (await blue.get(url)).status_code == 404
        assert (await blue.post(url, json=SPAN)).status_code == 404
    assert await world.catalog.redactions_due() == []


@pytest.mark.parametrize(
    ("wrong", "said_so"),
    [
        ({"from_ms": 700, "to_ms": 400}, "from before to"),
        ({"to_ms": 99_000}, "it lasts 1000 ms"),
        ({"why": " "}, "why"),
        ({"why": "a\nb"}, "why"),
    ],
)
async def test_what_cannot_be_is_refused(world: World, wrong: dict[str, object], said_so: str) -> None:
    url = f"/api/v1/recordings/{world.recordings['red']}/redactions"
    async with world.client("red-admin") as admin:
        answer = await admin.post(url, json=SPAN | wrong)
        assert answer.status_code == 422
        assert said_so in answer.text
        await world.catalog.reopen(world.recordings["red"], "a file came late")
        assert "nothing to be played" in (await admin.post(url, json=SPAN)).text


async def test_the_words_of_it_are_neither_read_nor_found_from_that_moment_on(world: World) -> None:
    lines = (said("my boss is Miller indeed", 0), said("I see", 100, 1))
    recording_id = await spoken(world, *lines)
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        assert (await user.get("/api/v1/recordings", params={"text": "Miller"})).json()["items"]
        await admin.post(f"{url}/redactions", json={**SPAN, "from_ms": 850, "to_ms": 990})
        assert (await user.get("/api/v1/recordings", params={"text": "Miller"})).json()["items"] == []
        text = (await user.get(f"{url}/transcript", params={"format": "text"})).text
        assert "my boss [redacted] indeed" in text, text
    # Listened to once more, it stays so.
    source = next(f.sha256 for f in await world.catalog.files(recording_id) if f.role is FileRole.RENDITION)
    await world.catalog.set_transcript(recording_id, Transcript("en", "x", source, lines), Redaction.OFF)
    view = await world.catalog.transcript(Scope(None), recording_id)
    assert view is not None
    assert "Miller" not in str(view.utterances)


async def test_digits_and_chosen_spans_are_taken_out_together(world: World) -> None:
    wish = TenantOptions(transcripts=Transcripts.ON, redact_digits=Redaction.AUDIO)
    await world.catalog.set_tenant(TenantSettings("red.example", options=wish))
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        await admin.post(f"{url}/redactions", json=SPAN)
        assert await beep(world) == 1
        assert (await user.get(f"{url}/audio")).status_code == 403, "nobody has listened for digits yet"
        source = next(
            f.sha256 for f in await world.catalog.files(recording_id) if f.role is FileRole.RENDITION
        )
        found = Transcript("en", "x", source, (said("ok", 0),), True, ((100, 200),))
        await world.catalog.set_transcript(recording_id, found, Redaction.AUDIO)
        await admin.post(f"{url}/redactions", json={**SPAN, "from_ms": 800, "to_ms": 900})
        assert await beep(world) == 1
        assert (await user.get(f"{url}/audio")).status_code == 200
    before, after = [
        await sound(world, recording_id, role) for role in (FileRole.RENDITION, FileRole.REDACTED)
    ]
    changed = (before != after).any(axis=1)
    for begin, end in ((100, 200), (400, 700), (800, 900)):
        assert changed[begin * 8 : end * 8].mean() > 0.9
    for begin, end in ((0, 100), (200, 400), (700, 800), (900, 1000)):
        assert not changed[begin * 8 : end * 8].any()


async def test_made_again_the_sound_is_redacted_again_before_anybody_hears_it(world: World) -> None:
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        await admin.post(f"{url}/redactions", json=SPAN)
        assert await beep(world) == 1
        other, key = wav(1, 77), f"red.example/2026/11/22/{recording_id}.rendition.wav"
        world.store.path(key).write_bytes(other)
        await world.catalog.add_file(
            StoredFile(recording_id, FileRole.RENDITION, 0, key, "wav", len(other), "cd" * 32, 1000, 2, 8000)
        )
        assert (await user.get(f"{url}/audio")).status_code == 403
        assert await beep(world) == 1
        assert (await user.get(f"{url}/audio")).status_code == 200
    assert (await sound(world, recording_id, FileRole.REDACTED))[:3200].tolist() == (
        samples.whole(world.store.path(key))[:3200].tolist()
    )


async def test_the_pages_control(world: World) -> None:
    recording_id = world.recordings["red"]
    async with world.browser("red-admin") as browser:
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "Beep over a span" in page
        token = form_token(page)
        given = {"csrf": token, "from": "0:00.4", "to": "0.7", "why": "<b>x</b>"}
        bad = await browser.post(f"/recordings/{recording_id}/redact", data={**given, "to": "soon"})
        assert bad.status_code == 422
        answer = await browser.post(f"/recordings/{recording_id}/redact", data=given)
        assert answer.headers["location"] == f"/recordings/{recording_id}#redactions"
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "being beeped over" in page
        assert "&lt;b&gt;x&lt;/b&gt;" in page
        await beep(world)
        assert "being beeped over" not in (await browser.get(f"/recordings/{recording_id}")).text
    async with world.browser("red-101") as browser:
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "Taken out for others" not in page
