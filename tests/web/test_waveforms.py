"""The stored waveform by REST: every zoom, both formats, validators, other tenants, a call of four hours."""

from __future__ import annotations

import struct
import time
from dataclasses import replace

import numpy as np
import pytest

from controller.core.options import Channels, PauseStyle, TenantOptions
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.peaks_format import sample_of
from controller.media.peaks import file_of, measure
from controller.media.peaks_task import PeaksTask
from controller.media.shelves import home_only
from controller.media.sound import Sound
from tests.media.doubles import wav_bytes

from .test_recording_page import Made, available, put, recorded
from .world import World

RATE = 8000


def said(seconds: float, *at: tuple[int, float, float]) -> bytes:
    """A stereo file: a tone on a channel from one second to another."""
    made = np.zeros((int(seconds * RATE), 2), np.int16)
    for channel, begin, end in at:
        first, last = int(begin * RATE), int(end * RATE)
        made[first:last, channel] = 9000 * np.sin(2 * np.pi * 440 * np.arange(last - first) / RATE)
    return wav_bytes(made)


async def drawn(world: World, made: Made, content: bytes, ms: int) -> str:
    await available(world, made, content, "wav", ms)
    task = PeaksTask(world.catalog, home_only(world.store))
    assert await task.run(made.recording, lambda done: None) == ""
    return f"/api/v1/recordings/{made.recording}"


async def stereo(world: World, **more: object) -> Made:
    return await recorded(world, TenantOptions(channels=Channels.STEREO), **more)  # type: ignore[arg-type]


async def test_a_tone_on_the_left_is_drawn_and_spoken_there(world: World) -> None:
    url = await drawn(world, await stereo(world), said(20, (0, 2, 4), (1, 10, 11.5)), 20_000)
    async with world.client("red-admin") as client:
        answer = await client.get(f"{url}/peaks", params={"points": 1000})
        assert answer.status_code == 200
        body = answer.json()
        assert (body["duration_ms"], body["channels"], body["points"]) == (20_000, 2, 1000)
        left, right = (np.abs(np.array(c).reshape(-1, 2)).max(axis=1) > 1000 for c in body["peaks"])
        assert (np.flatnonzero(left)[[0, -1]] * 20).tolist() == [2000, 3980]
        assert (np.flatnonzero(right)[[0, -1]] * 20).tolist() == [10_000, 11_480]
        near = (
            await client.get(f"{url}/peaks", params={"from_ms": 1900, "to_ms": 2100, "points": 50})
        ).json()
        assert (near["from_ms"], near["to_ms"], near["points"]) == (1900, 2100, 10)
        assert near["peaks"][0][:10] == [0] * 10
        assert max(near["peaks"][0][10:]) > 8000
        spans = (await client.get(f"{url}/spans")).json()
    assert [(s["channel"], s["who"], s["from_ms"], s["to_ms"]) for s in spans["speech"]] == [
        (0, "101 (Anna Red)", 2000, 4000),
        (1, "+49301 (Customer)", 10_000, 11_500),
    ]
    talkers = [(t["who"], t["speech_ms"]) for t in spans["talkers"]]
    assert talkers == [("101 (Anna Red)", 2000), ("+49301 (Customer)", 1500)]
    assert spans["talkers"][0]["share"] == pytest.approx(2 / 3.5, abs=0.001)
    assert (spans["both_ms"], spans["silence_ms"], spans["longest_silence_ms"]) == (0, 16_500, 8500)


async def test_binary_says_the_same(world: World) -> None:
    url = await drawn(world, await stereo(world), said(20, (0, 2, 4), (1, 10, 11.5)), 20_000)
    async with world.client("red-admin") as client:
        for params in ({"points": 7}, {"points": 2000}, {"points": 100, "from_ms": 3000, "to_ms": 12_000}):
            numbers = (await client.get(f"{url}/peaks", params=params)).json()
            answer = await client.get(f"{url}/peaks", params={**params, "format": "binary"})
            assert answer.headers["content-type"] == "application/octet-stream"
            magic, version, channels, _, points, begin, end = struct.unpack_from("<4sBBHIQQ", answer.content)
            assert (magic, version, channels) == (b"TLPP", 1, 2)
            assert (points, begin, end) == (numbers["points"], numbers["from_ms"], numbers["to_ms"])
            codes = np.frombuffer(answer.content[28:], np.int8).reshape(points, 2, 2)
            for channel in (0, 1):
                samples = [sample_of(int(code)) for code in codes[:, channel].reshape(-1)]
                assert samples == numbers["peaks"][channel]


async def test_validators(world: World) -> None:
    made = await stereo(world)
    url = await drawn(world, made, said(20, (0, 2, 4)), 20_000)
    async with world.client("red-admin") as client:
        for path in (f"{url}/peaks?points=10", f"{url}/spans"):
            first = await client.get(path)
            assert first.headers["cache-control"] == "private, no-cache"
            again = await client.get(path, headers={"if-none-match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        one, other = [(await client.get(f"{url}/peaks?points={n}")).headers["etag"] for n in (10, 11)]
        assert one != other
        await drawn(world, made, said(20, (1, 2, 4)), 20_000)
        changed = await client.get(f"{url}/peaks?points=10", headers={"if-none-match": one})
        assert changed.status_code == 200


async def test_nobody_sees_anothers_waveform(world: World) -> None:
    url = await drawn(world, await stereo(world), said(2, (0, 0.5, 1)), 2000)
    for who in ("blue-admin", "red-102"):
        async with world.client(who) as client:
            for path in ("/peaks", "/spans"):
                assert (await client.get(url + path)).status_code == 404
    async with world.client() as client:
        assert (await client.get(f"{url}/peaks")).status_code == 401


async def test_without_a_waveform_the_spans_are_told_all_the_same(world: World) -> None:
    made = await stereo(world, pause=24)
    await available(world, made, said(32, (0, 0.5, 1)), "wav", 32_000)
    async with world.client("red-admin") as client:
        url = f"/api/v1/recordings/{made.recording}"
        answer = await client.get(f"{url}/peaks")
        assert answer.status_code == 404
        assert "no waveform" in answer.json()["detail"]
        spans = (await client.get(f"{url}/spans")).json()
    assert [(s["kind"], s["from_ms"], s["to_ms"]) for s in spans["spans"]] == [("pause", 4010, 28_020)]
    assert spans["spans"][0]["text"].startswith("Paused by 101")
    assert (spans["speech"], spans["talkers"], spans["silence_ms"]) == ([], [], None)


async def test_a_waveform_of_other_bytes_is_not_shown(world: World) -> None:
    made = await stereo(world)
    url = await drawn(world, made, said(20, (0, 2, 4)), 20_000)
    await put(world, made.recording, FileRole.RENDITION, 0, said(20, (1, 2, 4)), "wav", 20_000)
    async with world.client("red-admin") as client:
        assert (await client.get(f"{url}/peaks")).status_code == 404
        await PeaksTask(world.catalog, home_only(world.store)).run(made.recording, lambda done: None)
        assert (await client.get(f"{url}/peaks")).status_code == 200


async def test_a_damaged_or_missing_file_is_no_fault_of_ours(world: World) -> None:
    made = await stereo(world)
    url = await drawn(world, made, said(20, (0, 2, 4)), 20_000)
    row = next(f for f in await world.catalog.files(made.recording) if f.role is FileRole.PEAKS)
    path = world.store.path(row.key)
    whole = path.read_bytes()
    async with world.client("red-admin") as client:
        for content in (b"", whole[:30], whole[:-100], whole[:20] + b"\xff" * 40 + whole[60:]):
            path.write_bytes(content)
            assert (await client.get(f"{url}/peaks")).status_code == 404
            assert (await client.get(f"{url}/spans")).status_code == 200
        path.unlink()
        assert (await client.get(f"{url}/peaks")).status_code == 503


@pytest.mark.parametrize(
    "query",
    ["points=0", "points=20001", "points=x", "from_ms=-1", "to_ms=1e9", "format=xml", f"to_ms={2**63}"],
)
async def test_nonsense_is_refused(world: World, query: str) -> None:
    url = await drawn(world, await stereo(world), said(2, (0, 0.5, 1)), 2000)
    async with world.client("red-admin") as client:
        assert (await client.get(f"{url}/peaks?{query}")).status_code == 422
        assert (await client.get(f"{url}/peaks?from_ms=5000&to_ms=10")).json()["points"] <= 1


async def test_pauses_that_are_cut_are_moments(world: World) -> None:
    made = await recorded(world, TenantOptions(pause_style=PauseStyle.CUT), pause=24)
    url = await drawn(world, made, said(8.02, (0, 0.5, 1)), 8020)
    async with world.client("red-admin") as client:
        spans = (await client.get(f"{url}/spans")).json()["spans"]
    assert [(s["kind"], s["from_ms"], s["to_ms"]) for s in spans] == [("left_out", 4010, 4010)]


async def test_four_hours_open_with_less_than_100_ms_of_processor(world: World) -> None:
    made = await stereo(world)
    await available(world, made, said(1), "wav", 4 * 3_600_000)
    rng = np.random.default_rng(1)
    block = rng.integers(-9000, 9000, (60 * RATE, 2), dtype=np.int16)
    block[: 20 * RATE, 0] = block[30 * RATE : 50 * RATE, 1] = 0
    sound = Sound(2, RATE, 240 * len(block), (block for _ in range(240)))
    whole = next(f for f in await world.catalog.files(made.recording) if f.role is FileRole.RENDITION)
    content = b"".join(file_of(measure(sound), sound, whole.sha256))
    row = await put(world, made.recording, FileRole.PEAKS, 0, content, "peaks", 4 * 3_600_000)
    assert isinstance(replace(row), StoredFile)
    url = f"/api/v1/recordings/{made.recording}"
    async with world.client("red-admin") as client:
        for path in (
            f"{url}/peaks?points=2000&format=binary",
            f"{url}/peaks?points=2000",
            f"{url}/peaks?points=2000&from_ms=7200000&to_ms=7260000&format=binary",
            f"{url}/spans",
        ):
            took = []
            for _ in range(5):
                began = time.process_time()  # whatever else the machine is at
                answer = await client.get(path)
                took.append(time.process_time() - began)
                assert answer.status_code == 200
            print(f"{path}: {min(took) * 1000:.1f} ms, {len(answer.content)} bytes")
            assert min(took) < 0.1
