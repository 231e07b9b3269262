"""Video calls: which files they make, what is in them, and the four pauses apart. On FreeSWITCH."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from controller.demo.listen import find_masks, presence
from controller.demo.phone import Dialog, room, tone

from .films import Shown, beeps, film, shown
from .system import JSON_CONTROL, TEXT_CONTROL, System, until

#: What is said, and shown in red, while something is paused.
SECRET = 2000
#: How far flash and beep may be apart on the mean of a recording. Measured were -38 to +13 ms; the rest of
#: the 60 is a busy machine's, on the side where nobody notices up to 125 (the picture ahead, ITU-R BT.1359).
PICTURE_AHEAD_S, PICTURE_BEHIND_S = 0.060, 0.040
#: A single mark besides: the switch takes 15 pictures a second, and each is up to 67 ms late.
ONE_PICTURE_S = 0.067


@pytest.fixture
def cameras(system: System) -> System:
    """101 has a blue picture and beeps at 1000 Hz, 102 a green one; 103 has no camera."""
    if system.kind != "freeswitch":
        pytest.skip("Asterisk records no video: see test_asterisk_says_that_it_records_no_video")
    for colour in ("blue", "green", "red"):
        film(colour)  # made before the call: while one is made no phone says anything
    system.phone("101").film, system.phone("101").source = film("blue"), beeps(1000)
    system.phone("102").film = film("green")
    return system


async def state_of(system: System, call_id: str, kind: str) -> str:
    """Of the running call's recording of this kind; "" if there is none."""
    found = [c for c in await system.live() if c["call_id"] == call_id]
    return next((str(r["state"]) for c in found for r in c["recordings"] if r["kind"] == kind), "")


async def is_paused(system: System, call_id: str, kind: str = "video") -> None:
    """Asked for, and in effect: the capture is silent, or has ended."""

    async def there() -> bool:
        found = [c for c in await system.live() if c["call_id"] == call_id]
        mine = [r for c in found for r in c["recordings"] if r["kind"] == kind]
        return bool(mine) and all(r["paused"] and r["state"] in ("paused", "waiting") for r in mine)

    await until(there, f"the {kind} recording of {call_id} is paused")


async def video_is(system: System, call_id: str, state: str, kind: str = "video") -> None:
    async def there() -> bool:
        return await state_of(system, call_id, kind) == state

    await until(there, f"the {kind} recording of {call_id} is {state!r}")


async def video_call(system: System, audio: bool = True, **options: Any) -> tuple[Dialog, Dialog, str]:
    """A recorded video call of 101 with 102: its dialogs and its id."""
    if options:
        await system.put_tenant("acme.test", False, **options)
    await system.put_policy("acme.test", "101", audio, video="on")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await video_is(system, call_id, "recording")
    return a, b, call_id


async def legs_of(system: System, call_id: str) -> list[str]:
    [call] = [c for c in await system.live() if c["call_id"] == call_id]
    return [str(p["leg_id"]) for p in call["parties"]]


async def files(system: System, call_id: str, count: int = 2) -> dict[str, dict[str, Any]]:
    """The recordings of an ended call by their kind."""
    details = await system.recordings(call_id, count)
    return {d["recording"]["kind"]: d for d in details}


async def watch(system: System, detail: dict[str, Any]) -> Shown:
    answer = await system.controller.api("GET", f"/recordings/{detail['recording']['recording_id']}/audio")
    assert answer.status == 200, answer
    headers = {k.lower(): v for k, v in answer.headers.items()}
    assert headers["content-type"] == "video/mp4"
    path = system.folder / f"{detail['recording']['recording_id']}.mp4"
    path.write_bytes(answer.raw)
    return shown(path)


async def listen(system: System, detail: dict[str, Any]) -> Path:
    return await system.audio(detail["recording"]["recording_id"])


def assert_in_step(seen: Shown, at_least: int) -> None:
    apart = seen.apart()
    print(
        f"{len(apart)} marks, flash after beep: mean {np.mean(apart) * 1000:.0f} ms, each", np.round(apart, 3)
    )
    assert len(apart) >= at_least, (seen.flashes(), seen.beeps())
    assert -PICTURE_AHEAD_S <= float(np.mean(apart)) <= PICTURE_BEHIND_S, apart
    assert all(abs(x) <= PICTURE_AHEAD_S + ONE_PICTURE_S for x in apart), apart


async def secret(a: Dialog, seconds: float) -> None:
    """101 shows and says for so long what may not be in the paused file, then the old again."""
    assert a.video is not None
    a.rtp.play(tone(SECRET))
    a.video.play(film("red"))
    await asyncio.sleep(seconds)
    a.rtp.play(beeps(1000))
    a.video.play(film("blue"))
    await asyncio.sleep(0.3)  # the last of it has left the switch's buffers


async def test_both_files_of_a_video_call_show_and_say_the_same(cameras: System) -> None:
    a, b, call_id = await video_call(cameras)
    await asyncio.sleep(6.0)
    await a.bye()
    assert a.media.videos[0].heard, "the switch passes the other's video on"
    assert b.media.videos[0].heard
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert seen.codecs == ["aac", "h264"]
    assert seen.duration > 5.5
    assert seen.seconds_of("blue", "left") > 5.0
    assert seen.seconds_of("green", "right") > 4.5, "the far party's camera is in the picture as well"
    assert_in_step(seen, 4)
    heard = presence(await listen(cameras, found["audio"]), [1000])
    assert len(heard[1000]) >= 5


async def test_audio_on_makes_a_wav_of_a_video_call(cameras: System) -> None:
    a, _ = await cameras.call("101", "102")
    call_id = await cameras.call_id("101")
    await cameras.recording_up(call_id)
    await asyncio.sleep(1.5)
    await a.bye()
    found = await files(cameras, call_id, 1)
    assert set(found) == {"audio"}


async def test_only_video_on_makes_an_mp4_of_a_video_call_and_nothing_of_an_audio_call(
    cameras: System,
) -> None:
    a, _, call_id = await video_call(cameras, audio=False)
    await asyncio.sleep(1.5)
    await a.bye()
    assert set(await files(cameras, call_id, 1)) == {"video"}
    b, _ = await cameras.call("101", "103")
    other = await cameras.call_id("101")
    await asyncio.sleep(1.0)
    cameras.phone("101").film = None
    await b.bye()
    c, _ = await cameras.call("101", "102")
    plain = await cameras.call_id("101")
    await asyncio.sleep(1.0)
    await c.bye()
    await cameras.recordings(plain, 0)
    decisions = {d["kind"]: d for d in (await cameras.cdr(plain))["decisions"]}
    assert decisions["video"]["verdict"] == "leave"
    print("video call to a phone without a camera:", (await cameras.cdr(other))["recordings"])


@pytest.mark.parametrize("passed_on", [False, True], ids=["one camera", "both cameras"])
async def test_video_that_begins_and_ends_in_the_middle_of_a_call(cameras: System, passed_on: bool) -> None:
    """By itself FreeSWITCH answers such a re-INVITE alone; a dialplan's variable has it passed on."""
    cameras.phone("101").film = None
    await cameras.put_policy("acme.test", "101", True, video="on")
    a, b = await cameras.call("101", "102")
    call_id = await cameras.call_id("101")
    await cameras.recording_up(call_id)
    assert a.video is None
    await asyncio.sleep(1.5)
    if passed_on:
        for leg in await legs_of(cameras, call_id):
            await cameras.lab.cli(f"uuid_setvar {leg} rtp_pass_codecs_on_stream_change true")
    await a.add_video(film("blue"))
    await video_is(cameras, call_id, "recording")
    await asyncio.sleep(4.2)
    await a.remove_video()
    await video_is(cameras, call_id, "waiting")
    await asyncio.sleep(1.5)
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert 3.7 < seen.duration < 5.0
    assert seen.seconds_of("blue") > 3.5
    assert_in_step(seen, 3)
    assert bool(b.media.videos) == passed_on
    assert (seen.seconds_of("green", "right") > 2.5) == passed_on
    assert found["audio"]["recording"]["duration_ms"] > 7000, "the WAV goes on all the time"
    assert len(found["audio"]["segments"]) == 1
    assert b.ended_by == "remote"


@pytest.mark.parametrize("means", ["api", "message", "in dialog"])
async def test_a_video_pause_holds_no_picture_and_no_sound_and_leaves_the_wav_alone(
    cameras: System, means: str
) -> None:
    a, _, call_id = await video_call(cameras)
    await asyncio.sleep(2.5)
    await ask(cameras, a, call_id, "pause-video-recording", means)
    await is_paused(cameras, call_id)
    await secret(a, 1.7)
    assert await state_of(cameras, call_id, "audio") == "recording"
    await ask(cameras, a, call_id, "resume-video-recording", means)
    await video_is(cameras, call_id, "recording")
    await asyncio.sleep(4.2)
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert seen.seconds_of("red") == 0
    assert seen.level(SECRET).max() < 500
    assert_in_step(seen, 4)
    [pause] = found["video"]["pauses"]
    assert found["audio"]["pauses"] == []
    # The time line is kept: in the pause there is a dark picture, and all of it lasts as long as the call.
    audio_s = found["audio"]["recording"]["duration_ms"] / 1000
    assert abs(seen.duration - audio_s) < 0.5, (seen.duration, audio_s)
    assert float((seen.luma["left"] < 40).sum()) / 50 > 1.5
    said = presence(await listen(cameras, found["audio"]), [SECRET])[SECRET]
    assert sum(s.duration_ms for s in said) > 1500, "the audio recording goes on"
    assert find_masks(await listen(cameras, found["audio"])) == []
    assert pause["kind"] == "video" if "kind" in pause else True


async def ask(system: System, a: Dialog, call_id: str, operation: str, means: str) -> None:
    if means == "api":
        assert (await system.control(call_id, operation)).status == 200
    elif means == "in dialog":
        assert (await a.message(operation, TEXT_CONTROL)).status in (200, 202)
    else:
        body = json.dumps({"operation": operation, "session_id": a.session_id})
        assert (await system.phone("101").message("102", body, JSON_CONTROL)).status in (200, 202)


async def test_an_audio_pause_silences_the_mp4_and_its_picture_goes_on(cameras: System) -> None:
    a, _, call_id = await video_call(cameras)
    await asyncio.sleep(2.5)
    await ask(cameras, a, call_id, "pause-audio-recording", "in dialog")
    await is_paused(cameras, call_id, "audio")
    await video_is(cameras, call_id, "paused")  # its sound, that is: a command of its own, and a later one
    await secret(a, 1.7)
    assert await state_of(cameras, call_id, "video") == "paused", "its sound, that is"
    await ask(cameras, a, call_id, "resume-audio-recording", "in dialog")
    await video_is(cameras, call_id, "recording", "audio")
    await asyncio.sleep(4.2)
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert seen.seconds_of("red") > 1.4, "the picture goes on"
    assert seen.level(SECRET).max() < 500, "and says nothing"
    assert_in_step(seen, 4)
    assert len(found["video"]["segments"]) == 1
    wav = await listen(cameras, found["audio"])
    assert presence(wav, [SECRET])[SECRET] == []
    [mask] = find_masks(wav)
    assert 1500 < mask[1] - mask[0] < 2800


@pytest.mark.parametrize("style", ["mask", "cut"])
async def test_the_code_pauses_both(cameras: System, style: str) -> None:
    a, _, call_id = await video_call(cameras, pause_style=style)
    await asyncio.sleep(2.5)
    await a.send_digits("*48")
    await is_paused(cameras, call_id)
    await secret(a, 1.7)
    await a.send_digits("*49")
    await video_is(cameras, call_id, "recording")
    await asyncio.sleep(4.2)
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    wav = await listen(cameras, found["audio"])
    assert seen.seconds_of("red") == 0
    assert seen.level(SECRET).max() < 500
    assert presence(wav, [SECRET])[SECRET] == []
    assert_in_step(seen, 4)
    dark_s = float((seen.luma["left"] < 40).sum()) / 50
    if style == "mask":
        assert dark_s > 1.5
        assert abs(seen.duration - found["audio"]["recording"]["duration_ms"] / 1000) < 0.5
    else:
        # Seen: 0.32 s beside other calls, until the first picture of the next segment is a whole one.
        assert dark_s < 0.4, "nothing stands for the pause"
        assert seen.duration < 8.5


async def test_a_hold_of_a_video_call_is_survived(cameras: System) -> None:
    a, _, call_id = await video_call(cameras)
    await asyncio.sleep(2.2)
    await a.hold()
    await asyncio.sleep(1.5)
    await a.unhold()
    await asyncio.sleep(3.5)
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert_in_step(seen, 3)
    assert seen.duration > 6.3
    assert all(s["state"] == "ended" for s in found["video"]["segments"])
    print("hold:", [(s["number"], s["opened_at"], s["closed_at"]) for s in found["video"]["segments"]])


async def test_a_blind_transfer_to_another_camera_goes_on_in_the_same_mp4(cameras: System) -> None:
    cameras.phone("103").film, cameras.phone("103").source = film("red"), room()
    a, b, call_id = await video_call(cameras)
    await asyncio.sleep(2.2)
    assert await b.transfer("103") < 300
    c = await cameras.phone("103").next_call()
    await c.answered()
    await asyncio.sleep(3.5)
    assert c.video is not None
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert seen.seconds_of("green", "right") > 1.2
    assert seen.seconds_of("red", "right") > 2.0
    assert seen.seconds_of("blue", "left") > 4.0
    assert_in_step(seen, 3)


async def test_a_blind_transfer_to_a_phone_without_a_camera(cameras: System) -> None:
    a, b, call_id = await video_call(cameras)
    await asyncio.sleep(2.2)
    assert await b.transfer("103") < 300
    c = await cameras.phone("103").next_call()
    await c.answered()
    await asyncio.sleep(2.0)
    assert c.video is None
    await a.bye()
    found = await files(cameras, call_id)
    seen = await watch(cameras, found["video"])
    assert seen.seconds_of("green", "right") > 1.2
    assert seen.seconds_of("blue", "left") > 1.5
    print("transferred to audio:", seen.duration, found["audio"]["recording"]["duration_ms"])


async def test_the_switch_dies_in_a_video_call(cameras: System) -> None:
    """FreeSWITCH writes an MP4's index at its end: what runs when it dies cannot be played. What ended
    before is kept, and the rest is kept as it is and flagged."""
    snow = film("blue", snow=True)
    a, b, call_id = await video_call(cameras)
    await asyncio.sleep(1.8)
    await ask(cameras, a, call_id, "pause-video-recording", "api")
    await is_paused(cameras, call_id)
    assert a.video is not None
    a.video.play(snow)
    await ask(cameras, a, call_id, "resume-video-recording", "api")
    await video_is(cameras, call_id, "recording")
    await asyncio.sleep(2.5)
    await cameras.lab.kill()
    for dialog in (a, b):
        dialog.abandon()
    await asyncio.sleep(0.3)
    await cameras.lab.start()
    await cameras.register()
    found = await files(cameras, call_id)
    video = found["video"]
    assert len(video["segments"]) == 2
    seen = await watch(cameras, video)
    assert seen.seconds_of("blue") > 1.2, "the first segment was whole and is kept"
    [broken] = [f for f in video["files"] if f["role"] == "segment" and f["number"] == 2]
    assert "did not finish" in broken["note"], broken
    assert broken["size"] > 100_000, "it is kept all the same"
    # A WAV's header is mended; only what the switch had not yet written is missing, up to 8 KB.
    assert found["audio"]["recording"]["duration_ms"] > 3500


async def test_the_page_plays_the_mp4(cameras: System) -> None:
    serving = pytest.importorskip("tests.web.serving", reason="NO PLAYWRIGHT HERE: the page is not tried")
    if not Path(serving.CHROMIUM).exists():
        pytest.skip(f"NO {serving.CHROMIUM} HERE: the page is not tried in a browser")
    a, _, call_id = await video_call(cameras, audio=False)
    await asyncio.sleep(3.0)
    await a.bye()
    recording_id = (await files(cameras, call_id, 1))["video"]["recording"]["recording_id"]
    url = cameras.controller.url
    async with serving.chromium() as browser:
        page = await browser.new_page()
        ranges: list[int] = []
        page.on("response", lambda r: ranges.append(r.status) if r.url.endswith("/audio") else None)
        await page.goto(f"{url}/calls")
        await page.get_by_label("Login").fill("admin")
        await page.get_by_label("Password").fill("correct horse battery")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{url}/calls")
        await page.goto(f"{url}/recordings/{recording_id}")
        await page.locator("video").wait_for(state="attached")
        found = await page.evaluate(
            """async () => {
                const video = document.querySelector("video");
                const event = name => new Promise((done, failed) => {
                    video.addEventListener(name, done, {once: true});
                    video.addEventListener("error", () => failed(video.error.message), {once: true});
                });
                video.muted = true;
                const playing = event("playing");
                await video.play();
                await playing;
                const sought = event("seeked");
                video.currentTime = 2;
                await sought;
                const shown = document.createElement("canvas").getContext("2d");
                shown.drawImage(video, 0, 0, 64, 36);
                const [r, g, b] = shown.getImageData(16, 18, 1, 1).data;
                return {width: video.videoWidth, at: video.currentTime, lasts: video.duration, r, g, b};
            }"""
        )
    assert found["width"] == 1280
    assert found["at"] >= 2
    assert found["lasts"] > 2.5
    assert found["b"] > found["r"], "101's picture is blue"
    assert 206 in ranges, ranges


async def test_the_page_pauses_picture_and_sound_apart(cameras: System) -> None:
    browser = pytest.importorskip("tests.e2e.browser", reason="NO PLAYWRIGHT HERE: the page is not tried")
    chromium = pytest.importorskip("tests.web.serving").CHROMIUM
    if not Path(chromium).exists():
        pytest.skip(f"NO {chromium} HERE: the page is not tried in a browser")
    a, _, call_id = await video_call(cameras)
    await video_is(cameras, call_id, "recording", "audio")
    async with browser.live_page(cameras) as page:
        for name, of, state in (
            ("Pause video", "audio", "recording"),
            ("Resume video", "video", "recording"),
            ("Pause audio", "audio", "paused"),
            ("Resume audio", "audio", "recording"),
        ):
            await browser.press(page, call_id, name)
            if name == "Pause video":
                await is_paused(cameras, call_id)
            await video_is(cameras, call_id, state, of)
    await a.bye()
    found = await files(cameras, call_id)
    pauses = {kind: [(p["means"], p["ended_means"]) for p in one["pauses"]] for kind, one in found.items()}
    assert pauses["audio"] == [("page", "page")], pauses
    assert pauses["video"][0] == ("page", "page"), pauses


async def test_asterisk_says_that_it_records_no_video(system: System) -> None:
    if system.kind != "asterisk":
        pytest.skip("FreeSWITCH records video")
    await system.put_policy("acme.test", "101", True, video="on")
    system.phone("101").film, system.phone("102").film = film("blue"), film("green")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.5)
    assert a.video is not None
    assert b.video is not None, "it is a video call all the same"
    for verb in ("start", "pause", "resume", "stop"):
        answer = await system.control(call_id, f"{verb}-video-recording")
        assert answer.status == 409, verb
        assert "This switch cannot record video." in answer.raw.decode(), verb
    await system.recording_up(call_id)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["recording"]["kind"] == "audio"
    decisions = {d["kind"]: d for d in (await system.cdr(call_id))["decisions"]}
    assert decisions["video"]["verdict"] == "leave"
    assert "cannot record video" in decisions["video"]["reason"]
