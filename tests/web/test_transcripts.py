"""Transcripts on pages and in the API: read, searched, and what is redacted heard by the right people."""

from __future__ import annotations

import json

import pytest

from controller.core.options import Redaction, TenantOptions, Transcripts
from controller.core.transcripts import Transcript, Utterance, Word
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import Scope, TenantSettings

from .world import World, wav


def said(text: str, at_ms: int, channel: int = 0, speaker: str = "101 (Anna Red)") -> Utterance:
    words = tuple(Word(w, at_ms + 300 * n, at_ms + 300 * n + 280, 0.9) for n, w in enumerate(text.split()))
    return Utterance(channel, speaker, words)


HOSTILE = '<script>alert(1)</script> & "x"'


async def spoken(world: World, *lines: Utterance, redaction: Redaction = Redaction.OFF) -> str:
    recording_id = world.recordings["red"]
    files = await world.catalog.files(recording_id)
    source = next(f.sha256 for f in files if f.role is FileRole.RENDITION)
    given = lines or (
        said("Good morning, Harbour Travel.", 100),
        said("I pay for my ferry booking", 400, 1, "102 (Bela Red)"),
    )
    await world.catalog.set_transcript(
        recording_id,
        Transcript("en", "fake 1", source, tuple(given), redaction is not Redaction.OFF),
        redaction,
    )
    return recording_id


async def audit(world: World, action: str) -> list[tuple[str, str]]:
    entries = await world.catalog.audit_entries(Scope(None), 200)
    return [(e.account, e.detail) for e in entries if e.action == action]


async def test_the_transcript_in_its_three_forms(world: World) -> None:
    recording_id = await spoken(world)
    url = f"/api/v1/recordings/{recording_id}/transcript"
    async with world.client("red-101") as red:
        plain = (await red.get(url)).json()
        assert plain["language"] == "en"
        assert [u["speaker"] for u in plain["utterances"]] == ["101 (Anna Red)", "102 (Bela Red)"]
        assert plain["utterances"][1]["words"][4] == {
            "text": "ferry", "from_ms": 1600, "to_ms": 1880, "sure": 0.9, "hidden": False,
        }  # fmt: skip
        vtt = await red.get(url, params={"format": "vtt"})
        assert vtt.headers["content-type"].startswith("text/vtt")
        assert vtt.text.startswith("WEBVTT\n\n00:00:00.100 --> ")
        assert "<v 102 (Bela Red)>I pay for my ferry booking\n" in vtt.text
        text = await red.get(url, params={"format": "text"})
        assert text.text == (
            "[0:00] 101 (Anna Red): Good morning, Harbour Travel.\n"
            "[0:00] 102 (Bela Red): I pay for my ferry booking\n"
        )
        assert (await red.get(url, params={"format": "exe"})).status_code == 422
        other = world.recordings["red-only-102"]
        assert (await red.get(f"/api/v1/recordings/{other}/transcript")).status_code == 404
    assert await audit(world, "read transcript") == [("red-101", "")]


@pytest.mark.parametrize("who", ["blue-admin", "red-102"])
async def test_a_hostile_text_stays_text(world: World, who: str) -> None:
    evil = said("end\n\n00:00 --> 99:99", 0, 0, HOSTILE)
    recording_id = await spoken(world, evil, said(HOSTILE, 3000))
    async with world.client(who) as client:
        answer = await client.get(f"/api/v1/recordings/{recording_id}/transcript?format=vtt")
        if who == "blue-admin":
            assert answer.status_code == 404
            return
        assert answer.text.count(" --> ") == 2
        assert "<script" not in answer.text
    async with world.browser("red-102") as browser:
        html = (await browser.get(f"/recordings/{recording_id}")).text
        assert "<script>alert" not in html
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html


async def test_what_was_said_is_searched_by_api_and_page(world: World) -> None:
    recording_id = await spoken(world)
    async with world.client("red-101") as red:
        found = (await red.get("/api/v1/recordings", params={"text": "ferr"})).json()["items"]
        assert [r["recording_id"] for r in found] == [recording_id]
        assert found[0]["hits"] == [
            {"at_ms": 1600, "speaker": "102 (Bela Red)", "before": "I pay for my", "match": "ferry",
             "behind": "booking"}
        ]  # fmt: skip
        assert (await red.get("/api/v1/recordings", params={"text": "yacht"})).json()["items"] == []
        # Whoever sees pieces of it has read them, once for ten minutes.
        assert await audit(world, "read transcript") == [("red-101", "what a search found")]
        await red.get("/api/v1/recordings", params={"q": "text:ferry"})
        assert len(await audit(world, "read transcript")) == 1
        await red.get(f"/api/v1/recordings/{recording_id}/transcript")
        assert len(await audit(world, "read transcript")) == 2
        hostile = "\"' OR 1=1; -- * ( ) NEAR"
        assert (await red.get("/api/v1/recordings", params={"text": hostile})).status_code == 200
    async with world.client("blue-admin") as blue:
        assert (await blue.get("/api/v1/recordings", params={"text": "ferry"})).json()["items"] == []
    async with world.browser("red-101") as browser:
        page = (await browser.get("/recordings", params={"text": "ferry"})).text
        assert f'href="/recordings/{recording_id}?t=1600#said"' in page
        assert "<mark>ferry</mark>" in page
        assert 'name="text" value="ferry"' in page
        nothing = (await browser.get("/recordings", params={"text": "yacht"})).text
        assert "Nothing fits these filters" in nothing
        assert 'name="text"' not in (await browser.get("/calls")).text


async def test_the_page_shows_it_as_text_and_marks_the_hit(world: World) -> None:
    recording_id = await spoken(world)
    async with world.browser("red-101") as browser:
        html = (await browser.get(f"/recordings/{recording_id}", params={"t": "1600"})).text
        assert 'data-start="1600"' in html
        assert html.count('id="said"') == 1
        sought = html[html.index('id="said"') :]
        assert "ferry" in sought[: sought.index("</li>")]
        assert 'data-word="1600"' in html
        for bad in ("-1", "x", "1" * 30, "٣"):
            assert (
                "data-start" not in (await browser.get(f"/recordings/{recording_id}", params={"t": bad})).text
            )
        other = (await browser.get(f"/recordings/{world.recordings['shared']}")).text
        assert "data-transcript" not in other


async def redacted(world: World) -> tuple[str, bytes]:
    """A recording whose tenant wants numbers out of the sound, with the file that has none."""
    wish = TenantOptions(transcripts=Transcripts.ON, redact_digits=Redaction.AUDIO)
    await world.catalog.set_tenant(TenantSettings("red.example", options=wish))
    recording_id = await spoken(world, said("my card is ok", 0), redaction=Redaction.AUDIO)
    sound, key = wav(1, 99), f"red.example/2026/11/22/{recording_id}.redacted.wav"
    world.store.path(key).write_bytes(sound)
    await world.catalog.add_file(
        StoredFile(recording_id, FileRole.REDACTED, 0, key, "wav", len(sound), "ef" * 32, 1000, 2, 8000)
    )
    return recording_id, sound


UNREDACTED = {"unredacted": "true"}


@pytest.mark.parametrize("who", ["red-101", "red-102"])
async def test_ordinary_ears_hear_no_numbers_by_any_way(world: World, who: str) -> None:
    recording_id, beeped = await redacted(world)
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client(who) as client:
        for way in ("audio", "download"):
            assert (await client.get(f"{url}/{way}")).content == beeped
            assert (await client.get(f"{url}/{way}", params=UNREDACTED)).status_code == 403
            assert (await client.head(f"{url}/{way}", params=UNREDACTED)).status_code == 403
            ranged = await client.get(f"{url}/{way}", headers={"range": "bytes=100-199"})
            assert ranged.content == beeped[100:200]
        for file in (await client.get(url)).json()["files"]:
            answer = await client.get(file["url"])
            assert (answer.status_code == 200) == (file["role"] == "redacted"), file
        assert (await client.get(url)).json()["hidden"] == "digits"


async def test_who_may_hears_the_original_and_the_audit_says_so(world: World) -> None:
    recording_id, beeped = await redacted(world)
    url, whole = f"/api/v1/recordings/{recording_id}", world.sound[recording_id]
    assert whole != beeped
    async with world.client("red-admin") as admin:
        assert (await admin.get(f"{url}/audio")).content == beeped
        assert (await admin.get(f"{url}/audio", params=UNREDACTED)).content == whole
        assert (await admin.get(f"{url}/download", params=UNREDACTED)).content == whole
        assert (await admin.get(f"{url}/files/rendition/0")).content == whole
    assert sorted(await audit(world, "listen")) == [("red-admin", ""), ("red-admin", "unredacted")]
    downloads = [detail for _, detail in await audit(world, "download")]
    assert sorted(downloads) == ["rendition 0, unredacted", "unredacted"]
    async with world.browser("red-admin") as browser:
        assert "Hear the original" in (await browser.get(f"/recordings/{recording_id}")).text
    async with world.browser("red-101") as browser:
        assert "Hear the original" not in (await browser.get(f"/recordings/{recording_id}")).text


async def test_until_it_is_known_what_to_take_out_nobody_ordinary_hears_it(world: World) -> None:
    wish = TenantOptions(transcripts=Transcripts.ON, redact_digits=Redaction.AUDIO)
    await world.catalog.set_tenant(TenantSettings("red.example", options=wish))
    recording_id = world.recordings["red"]
    url = f"/api/v1/recordings/{recording_id}"
    async with world.client("red-101") as red:
        assert (await red.get(f"{url}/audio")).status_code == 403
        assert (await red.get(f"{url}/download")).status_code == 403
        assert (await red.get(f"{url}/files/segment/1")).status_code == 403
    async with world.client("red-admin") as admin:
        assert (await admin.get(f"{url}/audio")).content == world.sound[recording_id]
    assert await audit(world, "listen") == [("red-admin", "unredacted")]
    await spoken(world, said("no numbers at all", 0), redaction=Redaction.AUDIO)
    async with world.client("red-101") as red:
        assert (await red.get(f"{url}/audio")).content == world.sound[recording_id]


async def test_the_transcripts_own_file_is_for_who_may_see_everything(world: World) -> None:
    recording_id = await spoken(world)
    key = f"red.example/2026/11/22/{recording_id}.transcript.json"
    world.store.path(key).write_bytes(json.dumps({"card": "4539"}).encode())
    await world.catalog.add_file(
        StoredFile(recording_id, FileRole.TRANSCRIPT, 0, key, "json", 16, "ab" * 32, 0, 0, 0)
    )
    url = f"/api/v1/recordings/{recording_id}/files/transcript/0"
    async with world.client("red-101") as red:
        assert (await red.get(url)).status_code == 403
    async with world.client("red-admin") as admin:
        answer = await admin.get(url)
        assert answer.json() == {"card": "4539"}
        assert answer.headers["content-type"] == "application/json"
    async with world.browser("red-admin") as browser:
        page = (await browser.get(f"/recordings/{recording_id}")).text
        assert "Transcript</a>" in page
        assert "not readable" not in page
