"""Where pauses and captures lie in the file that is played, with the joined file itself as the reference."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.catalog import SqlCatalog
from controller.core.calls import Call
from controller.core.captures import CaptureState
from controller.core.media_kinds import Kind
from controller.core.options import GapStyle, PauseStyle, TenantOptions
from controller.core.recording import Pause, Recording, Segment, segment_path
from controller.core.requests import Means
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.reading import RecordingDetail, Scope, TenantSettings
from controller.media import samples
from controller.media.pipeline import MediaPipeline
from controller.media.spool import Patience
from controller.media.store import LocalStore
from tests.media.doubles import wav_bytes, write
from tests.policies import policy_of, tenant_rule

from .story import Story, inside, outside

ALL = Scope(None)
RED = "red.example"
T0 = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CUT = TenantOptions(pause_style=PauseStyle.CUT)
BRIEF = Patience(settle_s=0.05, stable_s=0.02, appear_s=0.1, look_s=0.005)
RATE = 8000


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def ended(
    *captures: tuple[float, float],
    pauses: tuple[tuple[float, float | None], ...] = (),
    cut: bool = True,
    gaps: bool = False,
    until: float = 60,
    kind: Kind = Kind.AUDIO,
) -> Call:
    """A call that is over, with one recording: its captures and pauses in seconds after T0."""
    recording = Recording("r1", "c1", RED, kind, "tenant.on", "a test", T0, at(until), cut_pauses=cut)
    recording.cut_gaps = gaps
    for number, (begin, end) in enumerate(captures, 1):
        path = segment_path(RED, "r1", number, kind, T0)
        segment = Segment(f"r1.{number}", number, "leg", "bridge", path, kind, at(begin))
        segment.state, segment.opened_at, segment.closed_at = CaptureState.ENDED, at(begin), at(end)
        recording.segments.append(segment)
    for number, (begin, over) in enumerate(pauses, 1):
        pause = Pause(f"p{number}", kind, at(begin), "101", Means.FEATURE_CODE, masked_at=at(begin))
        if over is not None:
            pause.ended_at, pause.ended_means, pause.unmasked_at = at(over), Means.FEATURE_CODE, at(over)
        recording.pauses.append(pause)
    call = Call("c1", T0, answered_at=T0, ended_at=at(until))
    call.recordings.append(recording)
    return call


async def detail(catalog: SqlCatalog, recording_id: str = "r1") -> RecordingDetail:
    found = await catalog.recording(ALL, recording_id)
    assert found is not None
    return found


async def test_what_a_pause_leaves_out_is_not_on_the_time_line(catalog: SqlCatalog) -> None:
    """A story of the real desk: each of the switch's answers takes it 10 ms."""
    story = Story(policy_of(tenant_rule(RED, True), options={RED: CUT}))
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")  # the capture opens 10 ms later
    story.wait(10)
    story.ask("pause-audio-recording", "a")
    story.wait(24)
    story.ask("resume-audio-recording", "a")
    story.wait(5)
    story.ask("pause-audio-recording", "a")
    story.wait(3)
    (call,) = story.running
    (recording,) = call.recordings
    story.hang_up("a", "b")
    await story.save(catalog)
    found = await detail(catalog, recording.recording_id)
    # 10.01 s of sound, the last 10 ms of it until the switch had closed; then 24.01 s of nothing.
    assert [(s.from_ms, s.to_ms) for s in found.segments] == [(0, 10_010), (10_010, 15_020)]
    assert [(p.from_ms, p.to_ms, p.left_out_ms) for p in found.pauses] == [
        (10_010, 10_010, 24_010),
        (15_020, None, 3_000),
    ]
    # So long before there are files; then what they hold.
    assert found.row.duration_ms == 15_020


CASES = {
    "one pause": (((0, 10), (34, 40)), ((10, 34),)),
    "a pause within a gap": (((0, 10), (34.25, 40)), ((10.125, 34),)),
    "a transfer, then a pause": (((0, 2), (4.5, 6), (16, 18)), ((6, 16),)),
    "a pause over a transfer": (((0, 2), (12.5, 14)), ((1.5, 12),)),
    "two pauses in one gap": (((0, 3), (20.25, 21)), ((3, 8), (9.5, 20))),
    "the end in a pause": (((0, 3), (5, 7)), ((3, 5), (7, None))),
}


@pytest.mark.parametrize("gaps", [True, False], ids=["gaps cut", "gaps kept"])
@pytest.mark.parametrize("cut", [True, False], ids=["cut", "kept"])
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kind", ["sqlite"], indirect=True)
async def test_a_tone_begins_in_the_joined_file_where_the_catalog_says(
    catalog: SqlCatalog, tmp_path: Path, case: str, cut: bool, gaps: bool
) -> None:
    captures, pauses = CASES[case]
    call = ended(*captures, pauses=pauses, cut=cut, gaps=gaps)
    await catalog.set_tenant(TenantSettings(RED))
    await catalog.save("sw", [call], {})
    spool, store = tmp_path / "spool", LocalStore(tmp_path / "store")
    for n, (segment, (begin, end)) in enumerate(zip(call.recordings[0].segments, captures, strict=True), 1):
        write(spool / segment.path, wav_bytes(buzz(round((end - begin) * RATE), n)))
    pipeline = MediaPipeline(catalog, {"sw": spool}, store, lambda: datetime.now(UTC), patience=BRIEF)
    assert await pipeline.drain() == {"r1": MediaState.AVAILABLE}
    found = await detail(catalog)
    assert found.playable is not None
    sound = np.abs(samples.whole(store.path(found.playable.key)).astype(int)).ravel()
    for n, segment_row in enumerate(found.segments, 1):
        heard = np.flatnonzero(sound == n * 1000)
        assert (segment_row.from_ms, segment_row.to_ms) == (heard[0] / 8, (heard[-1] + 1) / 8)
    assert found.row.duration_ms == found.segments[-1].to_ms
    if cut and gaps:
        assert found.row.duration_ms == sum(round((end - begin) * 1000) for begin, end in captures)
    # What the journal calls a pause is as long as it was, on the time line or left out; and silent.
    for (begin, over), pause in zip(pauses, found.pauses, strict=True):
        if pause.to_ms is None or over is None:
            assert (pause.to_ms, over) == (None, None)
            continue
        assert pause.to_ms - pause.from_ms + pause.left_out_ms == (over - begin) * 1000
        masked = any(first < begin < last for first, last in captures)  # not here: nobody masked it
        assert masked or not sound[pause.from_ms * 8 : pause.to_ms * 8].any()
        assert cut or pause.left_out_ms == 0


async def test_what_is_chosen_of_gaps_counts_from_the_next_recording_on(catalog: SqlCatalog) -> None:
    """A story of the real desk, with a restart of the controller in its middle."""
    options = TenantOptions(gap_style=GapStyle.CUT)
    story = Story(policy_of(tenant_rule(RED, True), options={RED: options}))
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    await story.save(catalog)
    (call,) = await catalog.open_calls("switch")
    assert [(r.cut_pauses, r.cut_gaps) for r in call.recordings] == [(False, True)]
    await catalog.set_tenant(TenantSettings(RED, options=TenantOptions()))
    story.hang_up("a", "b")
    await story.save(catalog)
    assert [(d.cut_pauses, d.cut_gaps) for d in await catalog.due()] == [(False, True)]


def buzz(frames: int, number: int) -> np.ndarray:
    """A tone of 500 Hz that tells which capture it is by its level, and is nowhere zero."""
    return np.where(np.arange(frames)[:, None] // 8 % 2 == 0, number * 1000, -number * 1000)


async def test_a_capture_without_a_file_does_not_move_the_others(catalog: SqlCatalog) -> None:
    """The file begins with the first sound that there is, not with the first attempt."""
    await catalog.save("sw", [ended((0, 1), (5, 10), (30, 40), pauses=((10, 30),))], {})
    for number, note in ((1, "unreadable: it is not RIFF"), (2, ""), (3, "")):
        file = StoredFile("r1", FileRole.SEGMENT, number, f"r1.{number}.wav", "wav", 9, "ab", 5000, 1, 8000)
        await catalog.add_file(file if not note else replace_note(file, note))
    found = await detail(catalog)
    assert [(s.from_ms, s.to_ms) for s in found.segments] == [(0, 0), (0, 5000), (5000, 15_000)]
    assert [(p.from_ms, p.to_ms, p.left_out_ms) for p in found.pauses] == [(5000, 5000, 20_000)]


def replace_note(file: StoredFile, note: str) -> StoredFile:
    return StoredFile(
        file.recording_id, file.role, file.number, file.key, file.format, file.size, file.sha256, 0, 0, 0,
        note=note,
    )  # fmt: skip


async def test_a_film_that_lacks_its_start_begins_there(catalog: SqlCatalog) -> None:
    """FreeSWITCH writes nothing before the first key frame; its own bytes are the rendition here."""
    await catalog.save("sw", [ended((0, 10), pauses=((4, 6),), cut=False, kind=Kind.VIDEO)], {})
    for role, number in ((FileRole.SEGMENT, 1), (FileRole.RENDITION, 0)):
        await catalog.add_file(
            StoredFile("r1", role, number, f"{role}.mp4", "mp4", 9, "ab", 8_800, 1, 8000)
        )  # fmt: skip
    (pause,) = (await detail(catalog)).pauses
    assert (pause.from_ms, pause.to_ms, pause.left_out_ms) == (2_800, 4_800, 0)


@pytest.mark.parametrize("cut", [True, False])
async def test_while_it_is_paused_nothing_is_known_to_be_left_out(catalog: SqlCatalog, cut: bool) -> None:
    call = ended((0, 10), pauses=((10, None),), cut=cut)
    call.ended_at = call.recordings[0].ended_at = None
    await catalog.save("sw", [call], {})
    (pause,) = (await detail(catalog)).pauses
    assert (pause.from_ms, pause.to_ms, pause.left_out_ms) == (10_000, None, 0)
