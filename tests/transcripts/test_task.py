"""The finishing task with a fake engine: what is heard and what dropped, stored, done again, redacted."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from controller.core.options import Redaction
from controller.core.transcripts import Transcript, Word, as_json, from_json
from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.transcribing import Heard, Wanted
from controller.media import samples
from controller.media.integrity import digest
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import Stores, home_only
from controller.media.speech import Listened, NoSpeech, SpeechError
from controller.media.store import LocalStore
from controller.media.transcribe import Transcribe
from controller.media.transcribe_audio import PIECE_MS, RATE, pieces
from tests.media.doubles import T0, wav_bytes

Samples = np.ndarray
SPEECH = 3000  # how loud the fake's speech is


@dataclass
class FakeEngine:
    """Writes the ``script`` (start of a burst of sound in ms → its words, evenly in it) of what it hears."""

    script: dict[str, str] = field(default_factory=dict)
    fault: Exception | None = None
    heard: list[Samples] = field(default_factory=list)
    everywhere: str = ""  # also where nothing is said, as Whisper does
    stopped: threading.Event = field(default_factory=threading.Event)
    wait: bool = False
    name: str = "fake 1"

    def hear(self, sound: Samples, language: str) -> Listened:
        if self.fault is not None:
            raise self.fault
        if self.wait:
            assert self.stopped.wait(20), "nobody stopped it"
            raise SpeechError("it was stopped")
        self.heard.append(sound)
        words: list[Word] = []
        for begin, end, level in bursts(sound):
            said = self.script.get(str(level), f"level{level}").split()
            step = (end - begin) / len(said)
            words += [
                Word(w, round(begin + n * step), round(begin + (n + 1) * step) - 20)
                for n, w in enumerate(said)
            ]
        if self.everywhere:
            lasts = len(sound) * 1000 // RATE
            words += [Word(self.everywhere, at, at + 400) for at in range(0, lasts, 1000)]
        return Listened(tuple(sorted(words, key=lambda w: w.from_ms)), language or "en")

    def stop(self) -> None:
        self.stopped.set()


def bursts(sound: Samples) -> list[tuple[int, int, int]]:
    """(from_ms, to_ms, level in thousands) of each stretch of one loudness."""
    step = RATE // 50
    levels = np.abs(sound[: len(sound) // step * step].astype(int)).reshape(-1, step).max(axis=1)
    rounded = np.rint(levels / 1000).astype(int)
    found: list[tuple[int, int, int]] = []
    for n, level in enumerate(rounded):
        if level and found and found[-1][1] == n * 20 and found[-1][2] == level:
            found[-1] = (found[-1][0], (n + 1) * 20, int(level))
        elif level:
            found.append((n * 20, (n + 1) * 20, int(level)))
    return found


@dataclass
class FakeCatalog:
    """The rules of catalog.transcripts in memory."""

    wanted: Wanted | None
    rows: dict[FileRole, StoredFile] = field(default_factory=dict)
    stored: tuple[Transcript, Redaction] | None = None
    said: list[str] = field(default_factory=list)

    async def wanted_transcript(self, recording_id: str) -> Wanted | None:
        return self.wanted

    async def files(self, recording_id: str) -> list[StoredFile]:
        return list(self.rows.values())

    async def add_file(self, file: StoredFile) -> None:
        self.said.append(f"file {file.role}")
        self.rows[file.role] = file

    async def set_transcript(self, recording_id: str, transcript: Transcript, redaction: Redaction) -> None:
        self.said.append("rows")
        self.stored = transcript, redaction

    async def stored_transcript(self, recording_id: str) -> tuple[Transcript, Redaction] | None:
        return self.stored

    async def untranscribed(self, tenant: str | None = None, limit: int = 500, after: str = "") -> list[str]:
        return []

    async def unredacted(self, limit: int = 500, after: str = "") -> list[str]:
        return []

    async def forget_transcript(self, recording_id: str) -> None:
        self.stored = None


@dataclass
class Bench:
    catalog: FakeCatalog
    stores: Stores
    engine: FakeEngine
    task: Transcribe
    steps: list[float] = field(default_factory=list)

    async def run(self) -> str:
        return await self.task.run("rec", self.steps.append)

    @property
    def transcript(self) -> Transcript:
        assert self.catalog.stored is not None
        return self.catalog.stored[0]

    @property
    def texts(self) -> list[tuple[str, str]]:
        return [(u.speaker, u.text) for u in self.transcript.utterances]

    def wish(self, redaction: Redaction) -> None:
        assert self.catalog.wanted is not None
        self.catalog.wanted = replace(self.catalog.wanted, redaction=redaction)

    def sound(self, role: FileRole) -> Samples:
        return samples.whole(self.stores.path(self.catalog.rows[role].key))


def tones(seconds: float, *spoken: tuple[float, float, int], rate: int = 8000) -> Samples:
    """One channel: in each span (s) a tone of so many thousands."""
    sound = np.zeros(int(seconds * rate), np.int16)
    for begin, end, level in spoken:
        at = np.arange(int(begin * rate), int(end * rate))
        sound[at] = np.rint(level * 1000 * np.sin(2 * np.pi * 300 * at / rate)).astype(np.int16)
    return sound


Make = Callable[..., Bench]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def bench(
        *channels: Samples,
        script: dict[str, str] | None = None,
        redaction: Redaction = Redaction.OFF,
        heard: tuple[Heard, ...] = (Heard(0, 10**9, "Ann", "Bob"),),
        paused: tuple[tuple[int, int | None], ...] = (),
        transcripts: bool = True,
        rate: int = 8000,
        **more: object,
    ) -> Bench:
        store = LocalStore(tmp_path / "store")
        key = "red/2026/11/22/rec.wav"
        path = store.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = np.stack(channels, axis=1)
        path.write_bytes(wav_bytes(sound, rate))
        known = digest(path)
        rendition = StoredFile(
            "rec", FileRole.RENDITION, 0, key, "wav", known.size, known.sha256,
            len(sound) * 1000 // rate, sound.shape[1], rate,
        )  # fmt: skip
        wanted = Wanted("rec", "red", "audio", transcripts, redaction, rendition, heard, paused)
        catalog = FakeCatalog(wanted, {FileRole.RENDITION: rendition})
        engine = FakeEngine(script or {}, **more)  # type: ignore[arg-type]
        stores = home_only(store)
        return Bench(catalog, stores, engine, Transcribe(catalog, stores, lambda: engine))

    return bench


async def test_each_channel_is_heard_alone_and_its_party_named(make: Make) -> None:
    bench = make(
        tones(10, (1, 2, 3), (6, 7, 4)), tones(10, (3, 4, 5)),
        script={"3": "Good morning", "5": "Hello there", "4": "Good bye"},
    )  # fmt: skip
    assert await bench.run() == ""
    assert bench.texts == [("Ann", "Good morning"), ("Bob", "Hello there"), ("Ann", "Good bye")]
    first, second, _ = bench.transcript.utterances
    assert (first.channel, second.channel) == (0, 1)
    assert first.from_ms == pytest.approx(1000, abs=40)
    assert second.from_ms == pytest.approx(3000, abs=40)
    assert bench.steps[-1] == 1.0


async def test_after_a_transfer_the_other_name_counts(make: Make) -> None:
    heard = (Heard(0, 4000, "Ann", "Bob"), Heard(4500, 9000, "Ann", "Cem"))
    bench = make(tones(10), tones(10, (1, 2, 3), (5, 6, 4)), heard=heard)
    await bench.run()
    assert bench.texts == [("Bob", "level3"), ("Cem", "level4")]


async def test_one_channel_is_nobody_knows_whose(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), heard=(Heard(0, 5000, "", ""),))
    await bench.run()
    assert [(u.channel, u.speaker) for u in bench.transcript.utterances] == [(-1, "")]


async def test_one_channel_with_one_party_alone_is_theirs(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), heard=(Heard(0, 5000, "Ann", "Ann"),))
    await bench.run()
    assert bench.texts == [("Ann", "level3")]


async def test_the_same_sound_on_both_channels_is_heard_once(make: Make) -> None:
    sound = tones(5, (1, 2, 3))
    bench = make(sound, sound)
    await bench.run()
    assert bench.texts == [("", "level3")]


async def test_what_was_paused_never_becomes_text(make: Make) -> None:
    """Not even if it can be heard on the file, and not if the engine makes it up."""
    bench = make(
        tones(12, (0, 12, 3)), tones(12), paused=((4000, 8000), (10_000, None)), everywhere="hallucinated"
    )
    await bench.run()
    assert not any(len(bursts(h)) and bursts(h)[0][1] > 4040 for h in bench.engine.heard[:1])
    words = [w for u in bench.transcript.utterances for w in u.words]
    assert words
    for word in words:
        assert not (word.from_ms >= 4000 and word.to_ms <= 8000), word
        assert word.from_ms < 10_000, word
    assert any(w.from_ms > 8000 for w in words)


async def test_words_out_of_silence_are_dropped(make: Make) -> None:
    bench = make(tones(10, (2, 3, 3)), tones(10), everywhere="hallucinated")
    await bench.run()
    times = [w.from_ms for u in bench.transcript.utterances for w in u.words if w.text == "hallucinated"]
    assert times == [2000, 3000]  # 3000 touches the end of the sound
    assert len(bench.engine.heard) == 1, "a silent channel needs nobody to listen"


async def test_a_long_recording_comes_in_pieces_and_keeps_its_times(make: Make) -> None:
    spans = [(float(t), t + 0.5, 3) for t in range(5, 300, 10)]
    bench = make(tones(300, *spans), rate=8000)
    await bench.run()
    assert len(bench.engine.heard) >= 5
    assert max(len(h) for h in bench.engine.heard) <= PIECE_MS * RATE // 1000
    times = [u.from_ms for u in bench.transcript.utterances]
    assert len(times) == 30
    assert all(abs(t - s * 1000) < 45 for t, (s, _, _) in zip(times, spans, strict=True))
    assert bench.steps == sorted(bench.steps)
    assert len(bench.steps) >= 5


def test_no_piece_ends_in_the_midst_of_sound(make: Make) -> None:
    """Sound but for a tenth of a second before the border: there it is cut."""
    bench = make(tones(90, (0, 55, 3), (55.4, 90, 3)))
    wanted = bench.catalog.wanted
    assert wanted is not None
    first, second = pieces(bench.stores, wanted.rendition, (), lambda: False)
    assert 55_000 <= first.to_ms <= 55_400
    assert second.from_ms == first.to_ms


async def test_done_twice_nothing_changes(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)))
    await bench.run()
    before = list(bench.catalog.said)
    assert await bench.run() == ""
    assert bench.catalog.said == before
    assert len(bench.engine.heard) == 1


async def test_another_sound_is_heard_anew(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)))
    await bench.run()
    again = make(tones(5, (1, 2, 4)))
    again.catalog.stored, again.catalog.rows = (
        bench.catalog.stored,
        again.catalog.rows | {FileRole.TRANSCRIPT: bench.catalog.rows[FileRole.TRANSCRIPT]},
    )
    await again.run()
    assert again.texts == [("Ann", "level4")] or again.texts == [("", "level4")]


async def test_the_file_and_the_rows_say_the_same(make: Make) -> None:
    bench = make(
        tones(5, (1, 2, 3)), tones(5), script={"3": "call 4539 1488 please"}, redaction=Redaction.TEXT
    )
    await bench.run()
    row = bench.catalog.rows[FileRole.TRANSCRIPT]
    content = bench.stores.path(row.key).read_bytes()
    assert row.key == "red/2026/11/22/rec.transcript.json"
    assert digest(bench.stores.path(row.key)).sha256 == row.sha256
    assert from_json(content) == bench.transcript
    assert as_json(from_json(content)) == content


async def test_nobody_wants_it(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), transcripts=False)
    assert await bench.run() == ""
    assert bench.catalog.said == []
    bench.catalog.wanted = None
    assert await bench.run() == ""


# ── redaction ─────────────────────────────────────────────────────────────────────────────────

CARD = {"3": "my card is", "5": "four five three nine", "6": "thank you"}


def card_call() -> tuple[Samples, Samples]:
    return tones(12, (1, 2.5, 3), (4, 6, 5), (8, 9, 6)), tones(12, (4.5, 5, 4), (10, 11, 4))


async def test_digits_are_nowhere_in_what_is_stored(make: Make) -> None:
    bench = make(*card_call(), script=CARD, redaction=Redaction.TEXT)
    await bench.run()
    assert ("Ann", "my card is") in bench.texts
    assert ("Ann", "[redacted]") in bench.texts
    for path in bench.stores.home.root.rglob("*.json"):
        assert b"four" not in path.read_bytes()
    assert "four" not in str(bench.transcript)
    assert FileRole.REDACTED not in bench.catalog.rows


async def test_digits_are_beeped_over_on_every_channel(make: Make) -> None:
    bench = make(*card_call(), script=CARD, redaction=Redaction.AUDIO)
    await bench.run()
    before, after = bench.sound(FileRole.RENDITION), bench.sound(FileRole.REDACTED)
    assert after.shape == before.shape
    ((begin, end),) = bench.transcript.spans
    assert begin <= 3800
    assert end >= 6180
    inside = slice(begin * 8, end * 8)
    assert (after[: begin * 8] == before[: begin * 8]).all()
    assert (after[end * 8 :] == before[end * 8 :]).all()
    # A tone of 1000 Hz repeats itself every 8 samples: nothing else is in it.
    for channel in (0, 1):
        tone = after[inside, channel]
        assert 1800 < np.abs(tone).max() < 2200
        assert (np.abs(tone[8:].astype(int) - tone[:-8]) <= 1).all()
    assert bench.catalog.said == ["file redacted", "file transcript", "rows"], "the sound is safe first"
    assert bench.catalog.stored is not None
    assert bench.catalog.stored[1] is Redaction.AUDIO


async def test_without_digits_there_is_no_second_file(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), script={"3": "nothing secret"}, redaction=Redaction.AUDIO)
    await bench.run()
    assert FileRole.REDACTED not in bench.catalog.rows
    assert bench.catalog.stored is not None
    assert bench.catalog.stored[1] is Redaction.AUDIO


async def test_more_redaction_later_needs_nobody_to_listen_again(make: Make) -> None:
    bench = make(*card_call(), script=CARD)
    await bench.run()
    assert "four five three nine" in str(bench.texts)
    listened = len(bench.engine.heard)
    for wish in (Redaction.TEXT, Redaction.AUDIO):
        bench.wish(wish)
        await bench.run()
        assert "four" not in str(bench.transcript)
        assert bench.catalog.stored is not None
        assert bench.catalog.stored[1] is wish
    assert len(bench.engine.heard) == listened
    assert FileRole.REDACTED in bench.catalog.rows
    bench.wish(Redaction.OFF)
    said = list(bench.catalog.said)
    await bench.run()
    assert bench.catalog.said == said, "what was taken out stays out"


async def test_a_text_is_redacted_later_without_its_sound(make: Make) -> None:
    """Another sound than was listened to: the text alone, and the sound when somebody has listened."""
    bench = make(*card_call(), script=CARD)
    await bench.run()
    assert not await bench.task.redact("rec")
    bench.wish(Redaction.AUDIO)
    wanted = bench.catalog.wanted
    assert wanted is not None
    bench.catalog.wanted = replace(wanted, rendition=replace(wanted.rendition, sha256="cd" * 32))
    assert await bench.task.redact("rec")
    assert "four" not in str(bench.transcript)
    assert FileRole.REDACTED not in bench.catalog.rows
    assert not await bench.task.redact("rec")
    bench.catalog.wanted = wanted
    assert await bench.task.redact("rec")
    assert FileRole.REDACTED in bench.catalog.rows
    assert bench.catalog.stored is not None
    assert bench.catalog.stored[1] is Redaction.AUDIO


async def test_a_number_that_goes_over_two_sentences_is_one(make: Make) -> None:
    bench = make(
        tones(12, (1, 2, 3), (4, 5, 4), (7, 8, 5)), tones(12, (2.4, 2.6, 7)),
        script={"3": "four five.", "4": "three nine.", "5": "that is it", "7": "aha"},
        redaction=Redaction.TEXT,
    )  # fmt: skip
    await bench.run()
    assert [t for s, t in bench.texts if s == "Ann"] == ["[redacted].", "that is it"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="NO FFMPEG HERE: films are not redacted")
# ── when it goes wrong ────────────────────────────────────────────────────────────────────────


async def test_without_the_extra_it_says_so_and_changes_nothing(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), fault=NoSpeech("faster-whisper is not installed: install it"))
    assert await bench.run() == "not transcribed: faster-whisper is not installed: install it"
    assert bench.catalog.said == []


async def test_a_worker_that_dies_is_worth_another_try(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), fault=SpeechError("the speech worker ended (-9)"))
    with pytest.raises(SpeechError):
        await bench.run()
    assert bench.catalog.said == []
    bench.engine.fault = None
    assert await bench.run() == ""


async def test_cancelled_it_lets_go_of_the_model(make: Make) -> None:
    bench = make(tones(5, (1, 2, 3)), wait=True)
    running = asyncio.create_task(bench.run())
    for _ in range(500):
        if bench.engine.heard or bench.task._pool._work_queue.empty():
            await asyncio.sleep(0.02)
            break
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await asyncio.to_thread(bench.engine.stopped.wait, 10)


async def test_a_controller_that_ends_waits_for_no_recording(make: Make) -> None:
    """And the task can be run again afterwards, with a new engine."""
    bench = make(tones(5, (1, 2, 3)), wait=True)
    pipeline = MediaPipeline(cast(Any, bench.catalog), {}, bench.stores.home, lambda: T0, tasks=[bench.task])
    running = asyncio.create_task(bench.run())
    for _ in range(1000):
        if bench.task._engine is not None:
            break
        await asyncio.sleep(0.01)
    pipeline.stop()
    with pytest.raises(SpeechError):
        await asyncio.wait_for(running, 10)
    bench.engine.wait = False
    assert await bench.run() == ""


async def test_without_sound_there_is_an_empty_transcript(make: Make) -> None:
    bench = make(tones(3), redaction=Redaction.AUDIO)
    await bench.run()
    assert bench.transcript.utterances == ()
    assert bench.engine.heard == []
