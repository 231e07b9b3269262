"""Our own sounds that a tenant wants in its recordings: kept through a restart, mixed in, and everything else
on the recording's time line where it is to be heard."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from controller.catalog import SqlCatalog
from controller.core import facts as f
from controller.core.options import Channels, Hears, TenantOptions, Transcripts
from controller.engine.media_ports import MediaState
from controller.engine.reading import Scope, TenantSettings
from controller.media import samples
from controller.media.mixing import SoundFiles
from controller.media.pipeline import MediaPipeline
from controller.media.store import LocalStore
from tests.media.doubles import voice, wav_bytes, write
from tests.policies import policy_of, tenant_rule

from .story import Story, inside, outside
from .test_timeline import BRIEF, RATE, RED

OPTIONS = TenantOptions(
    announcement="rec", announce_to=Hears.EVERYBODY, sounds_in_recording=True, pause_tone=True,
    channels=Channels.STEREO, transcripts=Transcripts.ON,
)  # fmt: skip
WORDS = np.full((RATE, 1), 3000, np.int16)


async def test_from_the_desk_to_the_file(catalog: SqlCatalog, tmp_path: Path) -> None:
    await catalog.set_tenant(TenantSettings(RED, options=OPTIONS))
    story = Story(policy_of(tenant_rule(RED, True), options={RED: OPTIONS}))
    story.answer_captures = False
    story.start("a", inside("1001"))
    story.start("b", outside("1555"), origin="a")
    story.answer("b", "a")
    story.bridge("talk", "a", "b")
    story.wait(1.5)
    for leg in "ab":  # each told for a second and a half, and it lasts one
        story.apply(f.AnnouncementPlayed(leg, RED, story.at))
    story.answer_captures = True
    [call] = story.running
    [recording] = call.recordings
    [segment] = recording.segments
    story.wait(0.5)
    story.apply(f.CaptureOpened(segment.capture_id, story.at))
    story.wait(2)
    story.ask("pause-audio-recording", "a")
    story.wait(1)
    await story.save(catalog)
    [restored] = await catalog.open_calls("switch")
    assert restored.recordings[0].sounds == recording.sounds
    assert [p.legs for p in recording.sounds] == [("a",), ("b",), ("a", "b")]
    story.ask("resume-audio-recording", "a")
    story.wait(1)
    story.hang_up("a", "b")
    await story.save(catalog)

    assert segment.opened_at is not None
    assert segment.closed_at is not None
    frames = round((segment.closed_at - segment.opened_at).total_seconds() * RATE)
    spool = tmp_path / "spool"
    talk = voice(frames, channels=2)
    write(spool / segment.path, wav_bytes(talk))
    write(tmp_path / "sounds/rec.wav", wav_bytes(WORDS))
    [due] = await catalog.due()
    assert [sorted(one.seats) for one in due.sounds] == [[0], [1], [0, 1], [0, 1]]
    store = LocalStore(tmp_path / "store")
    sounds = SoundFiles({"switch": tmp_path / "sounds"})
    pipeline = MediaPipeline(
        catalog, {"switch": spool}, store, lambda: datetime.now(UTC), patience=BRIEF, sounds=sounds
    )
    assert await pipeline.drain() == {recording.recording_id: MediaState.AVAILABLE}
    found = await catalog.recording(Scope(None), recording.recording_id)
    assert found is not None
    assert found.playable is not None
    sound = samples.whole(store.path(found.playable.key))
    # 2 s before the capture opened it was asked for, and over half a second before.
    assert np.array_equal(sound[RATE // 2 : RATE * 3 // 2], np.repeat(WORDS, 2, axis=1))
    assert not sound[: RATE // 2].any()
    assert not sound[RATE * 3 // 2 : RATE * 2].any()
    assert np.array_equal(sound[2 * RATE : 4 * RATE], talk[: 2 * RATE])
    assert [(s.from_ms, s.to_ms) for s in found.segments] == [(2000, 2000 + frames // 8)]
    [pause] = found.pauses
    assert pause.from_ms == 4010
    changed = np.flatnonzero((sound[2 * RATE :] != talk).any(axis=1)) + 2 * RATE
    assert abs(changed[0] / 8 - pause.from_ms) <= 1, "the tone of the pause is where the pause begins"
    assert found.row.duration_ms == len(sound) // 8
    assert found.told == ((0, 1500), (0, 1500))
    wanted = await catalog.wanted_transcript(recording.recording_id)
    assert wanted is not None
    assert wanted.paused[1:] == ((0, 1500), (0, 1500)), "nobody of the call says what an announcement says"
