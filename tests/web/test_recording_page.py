"""The page of a recording: pauses that are cut, films, what could not be joined, every file by its name."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.core.options import Channels, PauseStyle, TenantOptions
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import Scope, TenantSettings
from tests.catalog.story import inside, outside
from tests.policies import policy_of, tenant_rule

from .serving import CHROMIUM, chromium, served
from .test_browser import enter, expect, until
from .test_shown import recording_of, text_of
from .world import World, wav

RED = "red.example"
IN_CHROMIUM = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(120),
]
WITH_FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="NO FFMPEG HERE: no film to play")


@dataclass(frozen=True)
class Made:
    call: str
    recording: str


async def recorded(
    world: World, options: TenantOptions, *, video: bool = False, pause: float | None = None
) -> Made:
    world.story.desk.policy = policy_of(tenant_rule(RED, not video, video), options={RED: options})
    story = world.story
    one, two = (f"{n}-{story.at:%H%M%S%f}" for n in ("one", "two"))
    story.start(one, inside("101", name="Anna Red"), video=video)
    story.start(two, outside("+49301", "Customer"), origin=one, video=video)
    story.wait(2)
    story.answer(two, one)
    story.bridge(f"talk-{one}", one, two)
    story.wait(4)
    if pause is not None:
        assert story.ask("pause-recording", one).accepted
        story.wait(pause)
        assert story.ask("resume-recording", one).accepted
        story.wait(4)
    call = story.desk.book.call_of(one)
    assert call is not None
    story.hang_up(one, two)
    await story.save(world.catalog, "fs1")
    return Made(call.call_id, await recording_of(world, call.call_id))


async def put(
    world: World,
    recording: str,
    role: FileRole,
    number: int,
    content: bytes,
    suffix: str,
    ms: int,
    **more: int,
) -> StoredFile:
    key = f"{RED}/{recording}.{role}.{number}.{suffix}"
    path = world.store.path(key)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    shape = {"channels": 2, "sample_rate": 8000} | more
    file = StoredFile(recording, role, number, key, suffix, len(content), digest, ms, **shape)
    await world.catalog.add_file(file)
    return file


async def available(world: World, made: Made, content: bytes, suffix: str, ms: int, **more: int) -> None:
    await put(world, made.recording, FileRole.RENDITION, 0, content, suffix, ms, **more)
    await world.catalog.set_media_state(made.recording, MediaState.AVAILABLE, duration_ms=ms)


def film(folder: Path, seconds: int = 3) -> bytes:
    path = folder / "film.mp4"
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc=s=320x240:r=15:d={seconds}"]
    command += ["-f", "lavfi", "-i", f"sine=d={seconds}", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
    command += ["-c:a", "aac", "-movflags", "+faststart", str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


async def test_what_is_left_out_is_said_where_it_was(world: World) -> None:
    made = await recorded(world, TenantOptions(pause_style=PauseStyle.CUT), pause=24)
    await available(world, made, wav(8), "wav", 8020)
    page = await text_of(world, f"/recordings/{made.recording}")
    assert "0:24 left out here" in page
    assert "0:04.010 0:24 left out here Asked" in page  # a moment, not a span
    assert "Paused by 101@red.example: 0:24 left out here" in page
    assert "0:08" in page
    async with world.client("red-admin") as client:
        (pause,) = (await client.get(f"/api/v1/recordings/{made.recording}")).json()["pauses"]
    assert (pause["from_ms"], pause["to_ms"], pause["left_out_ms"]) == (4010, 4010, 24_010)


async def test_what_is_kept_silent_is_a_span(world: World) -> None:
    made = await recorded(world, TenantOptions(), pause=24)
    await available(world, made, wav(8), "wav", 32_000)
    page = await text_of(world, f"/recordings/{made.recording}")
    assert "left out" not in page
    assert "0:04.010 – 0:28.020 0:24 long" in page


async def test_the_cdr_counts_what_is_not_kept_apart(world: World) -> None:
    await world.catalog.set_tenant(TenantSettings(RED))
    made = await recorded(world, TenantOptions())
    assert "1 recording" in await text_of(world, "/calls?party=Customer")
    found = await world.catalog.call(Scope(None), made.call)
    assert found is not None
    assert (found.row.recordings, found.row.not_kept) == (1, 0)


async def test_every_file_has_a_name_of_its_own(world: World) -> None:
    made = await recorded(world, TenantOptions())
    for role, number in ((FileRole.TX, 1), (FileRole.RX, 1), (FileRole.MIX, 1), (FileRole.SEGMENT, 1)):
        await put(world, made.recording, role, number, wav(1, len(role)), "wav", 1000)
    await available(world, made, wav(1), "wav", 1000)
    page = await text_of(world, f"/recordings/{made.recording}")
    titles = [
        "Whole recording",
        "Segment 1 ",
        "Segment 1, the switch’s own mix",
        "Segment 1, what the switch received from the leg",
        "Segment 1, what the leg heard",
    ]
    places = [page.index(title, page.index("Files")) for title in titles]
    assert places == sorted(places)
    names = set()
    async with world.client("red-admin") as client:
        files = (await client.get(f"/api/v1/recordings/{made.recording}")).json()["files"]
        for file in files:
            answer = await client.get(file["url"])
            assert answer.status_code == 200
            assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
            names.add(answer.headers["content-disposition"].rpartition("_")[2].strip('"'))
        assert (await client.get(files[0]["url"].replace("/mix/", "/passwd/"))).status_code == 422
    rid = made.recording
    assert names == {f"{rid}.wav", f"{rid}.1.wav", f"{rid}.1.mix.wav", f"{rid}.1.rx.wav", f"{rid}.1.tx.wav"}


async def test_a_film_that_waits_for_ffmpeg_says_what_to_do(world: World) -> None:
    made = await recorded(world, TenantOptions(), video=True, pause=5)
    assert "on its way into the store" in await text_of(world, f"/recordings/{made.recording}")
    for number in (1, 2):
        await put(world, made.recording, FileRole.SEGMENT, number, b"mp4", "mp4", 4000, channels=0)
    await world.catalog.set_media_state(made.recording, MediaState.STORED)
    assert "being made one recording" in await text_of(world, f"/recordings/{made.recording}")
    error = "joining video segments needs ffmpeg: install it. The segments are in the store, each by itself"
    await world.catalog.set_media_state(made.recording, MediaState.FAILED, error=error)
    page = await text_of(world, f"/recordings/{made.recording}")
    assert (
        "could not be made one recording yet; it is tried again. Joining video segments needs ffmpeg:" in page
    )
    assert "Segment 2 MP4 · 3 bytes · 0:04 · no sound" in page
    assert "failed, retried" in await text_of(world, "/recordings")


class TestInChromium:
    pytestmark = IN_CHROMIUM

    @WITH_FFMPEG
    async def test_a_film_plays_is_sought_in_and_comes_down_by_its_name(
        self, world: World, tmp_path: Path
    ) -> None:
        made = await recorded(world, TenantOptions(), video=True)
        await available(world, made, await asyncio.to_thread(film, tmp_path), "mp4", 3000, channels=1)
        async with served(world) as url, chromium() as browser:
            page = await browser.new_page()
            problems = await enter(page, url, "red-admin")
            await page.goto(f"{url}/recordings")
            row = page.locator(".row", has_text="Customer").first
            await row.locator(".parties").dblclick()  # a film opens its page
            await page.wait_for_url(f"**/recordings/{made.recording}")
            answers: list[tuple[int, str]] = []
            page.on(
                "response",
                lambda r: (
                    answers.append((r.status, r.headers.get("content-type", "")))
                    if r.url.endswith("/audio")
                    else None
                ),
            )
            await page.get_by_role("button", name="Play", exact=True).click()
            await until(page, "document.querySelector('video').currentTime > 0.2")
            assert await page.evaluate("document.querySelector('video').videoWidth") == 320
            await page.get_by_role("button", name="Pause", exact=True).click()
            box = await page.locator("[data-seek]").bounding_box()
            assert box is not None
            await page.locator("[data-seek]").click(position={"x": box["width"] * 0.9, "y": 20})
            await until(page, "Math.abs(document.querySelector('video').currentTime - 2.7) < 0.1")
            assert set(answers) == {(206, "video/mp4")}
            async with page.expect_download() as waiting:
                await page.get_by_role("link", name="Download", exact=True).click()
            download = await waiting.value
            assert download.suggested_filename.endswith(f"_{made.recording}.mp4")
            assert Path(await download.path()).read_bytes() == (tmp_path / "film.mp4").read_bytes()
            assert problems == []

    async def test_one_party_alone(self, world: World) -> None:
        made = await recorded(world, TenantOptions(channels=Channels.STEREO))
        await available(world, made, wav(4), "wav", 4000)
        async with served(world) as url, chromium() as browser:
            page = await browser.new_page()
            problems = await enter(page, url, "red-admin")
            await page.goto(f"{url}/recordings/{made.recording}")
            await page.get_by_role("button", name="Play", exact=True).click()
            await until(page, "document.querySelector('audio').currentTime > 0")
            left = page.get_by_role("button", name="Solo 101 (Anna Red)")
            right = page.get_by_role("button", name="Solo +49301 (Customer)")
            for button, pressed in ((left, (True, False)), (right, (False, True)), (right, (False, False))):
                await button.click()
                for one, on in zip((left, right), pressed, strict=True):
                    await expect(one).to_have_attribute("aria-pressed", str(on).lower())
            before = await page.evaluate("document.querySelector('audio').currentTime")
            await until(page, f"document.querySelector('audio').currentTime > {before + 0.1}")
            assert problems == []

    async def test_what_is_left_out_is_a_mark_on_the_time_line(self, world: World) -> None:
        made = await recorded(world, TenantOptions(pause_style=PauseStyle.CUT), pause=24)
        await available(world, made, wav(8), "wav", 8020)
        async with served(world) as url, chromium() as browser:
            page = await browser.new_page()
            await enter(page, url, "red-admin")
            await page.goto(f"{url}/recordings/{made.recording}")
            await expect(page.locator(".line rect.silence")).to_have_count(0)
            mark = page.locator(".line rect.cut")
            await expect(mark).to_have_count(1)
            assert float(await mark.get_attribute("x") or "") == pytest.approx(4010 / 8020 * 1000, abs=0.1)
            said = "Paused by 101@red.example: 0:24 left out here"
            assert await mark.locator("title").text_content() == said
