"""A recording in a format: as it is kept, converted on the way, a piece of it; never another's."""

from __future__ import annotations

import hashlib
import io
import wave
from dataclasses import replace

import pytest

from controller.core.formats import Format
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import Scope
from controller.media.convert import encode
from controller.media.encoders import Encoders
from controller.media.sound import Sound
from controller.web.app import create_app
from tests.media.doubles import tone

from .world import World

BEGINNINGS = {"mp3": b"ID3", "amr": b"#!AMR\n", "opus": b"OggS", "flac": b"fLaC", "wav": b"RIFF"}
TYPES = {
    "mp3": "audio/mpeg",
    "amr": "audio/amr",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
}


@pytest.fixture(autouse=True)
def encoders() -> Encoders:
    found = Encoders()
    missing = [f for f in Format if f is not Format.WAV and not found.has(f)]
    if missing:
        pytest.skip(f"NO ENCODER FOR {', '.join(missing)} ON THIS MACHINE: downloads are not tested here")
    return found


async def encoded(world: World, encoders: Encoders, format: Format) -> tuple[str, bytes]:
    """The red recording (three seconds of a tone) as its tenant wants it; answers its id and bytes."""
    recording = world.recordings["red"]
    rendition = next(f for f in await world.catalog.files(recording) if f.role is FileRole.RENDITION)
    samples = tone(24_000, 8000, 440.0)
    target = world.store.path(f"{rendition.key}.{format}")
    made = encode(Sound(1, 8000, 24_000, iter([samples])), format, target, encoders)
    content = target.read_bytes()
    await world.catalog.add_file(
        StoredFile(
            recording, FileRole.ENCODED, 0, f"{rendition.key}.{format}", str(format), len(content),
            hashlib.sha256(content).hexdigest(), 3000, made.channels, 8000, note="made for a test",
        )
    )  # fmt: skip
    return recording, content


async def without_wav(world: World, recording: str) -> None:
    for file in await world.catalog.files(recording):
        if file.role is not FileRole.ENCODED:
            world.store.delete(file.key)
            await world.catalog.forget_file(file)


@pytest.mark.parametrize("format", ["mp3", "amr", "opus", "flac", "wav"])
async def test_any_format_can_be_had(world: World, format: str) -> None:
    recording = world.recordings["red"]
    path = f"/api/v1/recordings/{recording}/download?format={format}"
    async with world.client("red-admin") as client:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(BEGINNINGS[format])
        assert answer.headers["content-type"] == TYPES[format]
        assert answer.headers["content-disposition"].endswith(f'_{recording}.{format}"')
        assert answer.headers["cache-control"] == "private, no-cache"
        part = await client.get(path, headers={"range": "bytes=10-99"})
        assert (part.status_code, part.content) == (206, answer.content[10:100])
        tag = {"if-none-match": answer.headers["etag"]}
        assert (await client.get(path, headers=tag)).status_code == 304
        assert (await client.get(path.replace(f"={format}", "=wma"))).status_code == 422
    lines = [e.detail for e in await world.catalog.audit_entries(Scope(None)) if e.action == "download"]
    assert lines[0] == format
    if format == "wav":
        assert answer.content == world.sound[recording]


async def test_the_tenants_format_is_what_is_downloaded_and_wav_what_is_played(
    world: World, encoders: Encoders
) -> None:
    recording, content = await encoded(world, encoders, Format.MP3)
    async with world.client("red-admin") as client:
        path = f"/api/v1/recordings/{recording}"
        assert (await client.get(f"{path}/download")).content == content
        assert (await client.get(f"{path}/download?format=mp3")).content == content
        assert (await client.get(f"{path}/audio")).content == world.sound[recording]
        await without_wav(world, recording)
        played = await client.get(f"{path}/audio")
        assert (played.content, played.headers["content-type"]) == (content, "audio/mpeg")


async def test_amr_is_decoded_on_the_way_with_ranges(world: World, encoders: Encoders) -> None:
    recording, content = await encoded(world, encoders, Format.AMR)
    await without_wav(world, recording)
    async with world.client("red-admin") as client:
        path = f"/api/v1/recordings/{recording}"
        assert (await client.get(f"{path}/download")).content == content
        played = await client.get(f"{path}/audio")
        assert played.headers["content-type"] == "audio/wav"
        assert played.headers["content-disposition"].startswith("inline")
        with wave.open(io.BytesIO(played.content)) as file:
            assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (1, 8000, 24_000)
        part = await client.get(f"{path}/audio", headers={"range": "bytes=20000-20999"})
        assert (part.status_code, part.content) == (206, played.content[20_000:21_000])
        beyond = await client.get(f"{path}/audio", headers={"range": "bytes=99999999-"})
        assert beyond.status_code == 416


async def test_a_clip(world: World) -> None:
    recording = world.recordings["red"]
    path = f"/api/v1/recordings/{recording}/clip"
    async with world.client("red-admin") as client:
        answer = await client.get(path, params={"from_ms": 250, "to_ms": 750})
        assert answer.headers["content-disposition"].endswith(f'_{recording}_250-750ms.wav"')
        with wave.open(io.BytesIO(answer.content)) as file:
            assert file.getnframes() == 4000
            frames = file.readframes(4000)
        whole = world.sound[recording]
        # But for the soft edges, to the bit.
        assert frames[4 * 80 : -4 * 80] == whole[44 + 4 * 2080 : 44 + 4 * 5920]
        other = await client.get(path, params={"from_ms": 250, "to_ms": 750, "format": "mp3"})
        assert other.content.startswith(BEGINNINGS["mp3"])
        for begin, end in ((5, 5), (9, 3), (10_000_000, 10_000_001), (-1, 5), (0, 99_999_999)):
            wrong = await client.get(path, params={"from_ms": begin, "to_ms": end})
            assert wrong.status_code == 422, (begin, end)
        with wave.open(io.BytesIO((await client.get(path)).content)) as file:
            assert file.getnframes() == (len(whole) - 44) // 4
    async with world.client("blue-admin") as client:
        assert (await client.get(path, params={"from_ms": 0, "to_ms": 5})).status_code == 404
        assert (await client.get(path.replace("clip", "download?format=mp3"))).status_code == 404


async def test_the_page_offers_the_formats(world: World, encoders: Encoders) -> None:
    recording, _ = await encoded(world, encoders, Format.AMR)
    async with world.browser("red-admin") as browser:
        page = (await browser.get(f"/recordings/{recording}")).text
        for format in Format:
            assert f"/download?format={format}" in page
        assert "Download AMR" in page
        options = (await browser.get("/company/options?tenant=red.example")).text
        assert "The system&#39;s: WAV, about 960 KB a minute" in options
        assert "AMR, about 96 KB a minute" in options


async def test_a_controller_that_converts_nothing_says_so(world: World) -> None:
    recording = world.recordings["red"]
    world.app = create_app(replace(world.services, converter=None))
    async with world.client("red-admin") as client:
        answer = await client.get(f"/api/v1/recordings/{recording}/download?format=mp3")
        assert answer.status_code == 501
        assert (await client.get(f"/api/v1/recordings/{recording}/download?format=wav")).status_code == 200
