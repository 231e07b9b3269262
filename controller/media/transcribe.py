"""The finishing task that writes down what is said, and takes runs of digits out of text and sound."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import groupby

from ..config.transcription import TranscriptionConfig
from ..core.options import Redaction
from ..core.redacting import without_digits
from ..core.transcripts import UNKNOWN, Transcript, Utterance, Word, as_json, in_order, shifted, utterances
from ..engine.crash_points import crash_point
from ..engine.media_ports import FileRole, StoredFile
from ..engine.transcribing import Heard, TranscriptStore, Wanted
from .encoders import Encoders
from .errors import store_error
from .integrity import Digest
from .keys import transcript_key
from .redacting import keep_redacted, replace_file, whole_text
from .shelves import Stores
from .speech import MakeEngine, NoSpeech, SpeechEngine
from .speech_process import SpeechProcess
from .transcribe_audio import RATE, Piece, audible, pieces

Progress = Callable[[float], None]

_RANK = {Redaction.OFF: 0, Redaction.TEXT: 1, Redaction.AUDIO: 2}
#: Less than this is not worth listening to, and some models stumble over it.
_SHORTEST = RATE // 5
#: A channel that has said so many words in a language is not asked again which it is.
_SURE_OF_LANGUAGE = 8
#: A word's times are a guess: it counts as heard if there is sound so near.
_NEAR_MS = 100


@dataclass(slots=True)
class _Job:
    wanted: Wanted
    engine: SpeechEngine
    progress: Progress
    stopped: threading.Event = field(default_factory=threading.Event)


class Transcribe:
    """media.finishing.FinishingTask. One recording at a time, in a thread of its own.

    ``least``: so many digits in a row are taken out; ``language`` "": the engine finds out.
    """

    name = "transcribe"

    def __init__(
        self,
        catalog: TranscriptStore,
        stores: Stores,
        make_engine: MakeEngine,
        *,
        least: int = 4,
        language: str = "",
        encoders: Encoders | None = None,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._make_engine = make_engine
        self._encoders = encoders or Encoders()
        self._least = least
        self._language = language
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="transcribe")
        self._engine: SpeechEngine | None = None

    async def run(self, recording_id: str, progress: Progress) -> str:
        wanted = await self._catalog.wanted_transcript(recording_id)
        if wanted is None or not wanted.transcripts:
            return ""
        files = {f.role: f for f in await self._catalog.files(recording_id)}
        stored = await self._catalog.stored_transcript(recording_id)
        # An encoded file alone is what is kept of the very sound that was listened to.
        encoded = wanted.rendition.role is FileRole.ENCODED
        if stored is not None and (encoded or stored[0].source == wanted.rendition.sha256):
            known, done = stored
            if wanted.chosen:
                known = await whole_text(self._stores, known, files.get(FileRole.TRANSCRIPT))
            there = FileRole.TRANSCRIPT in files and (FileRole.REDACTED in files or not known.spans)
            if _RANK[done] >= _RANK[wanted.redaction] and (there or done is not Redaction.AUDIO):
                return ""
        else:
            try:
                known, done = await self._in_thread(wanted, progress), Redaction.OFF
            except NoSpeech as error:
                return f"not transcribed: {error}"
        if wanted.redaction is not Redaction.OFF and done is Redaction.OFF:
            known = self._without_digits(known)
        await self._keep(wanted, known, files)
        return ""

    async def redact(self, recording_id: str) -> bool:
        """Take out of what was written down before what its tenant wants taken out by now; False if that
        is nothing. Nobody listens again: a sound that has changed since is the finishing tasks' matter.
        Raises MediaError, OSError."""
        wanted = await self._catalog.wanted_transcript(recording_id)
        stored = await self._catalog.stored_transcript(recording_id)
        if wanted is None or stored is None:
            return False
        known, done = stored
        files = {f.role: f for f in await self._catalog.files(recording_id)}
        if wanted.rendition.role is not FileRole.ENCODED and known.source != wanted.rendition.sha256:
            # Where the digits are in the new sound nobody knows yet.
            wanted = replace(wanted, redaction=min(wanted.redaction, Redaction.TEXT, key=_RANK.__getitem__))
        if _RANK[done] >= _RANK[wanted.redaction]:
            return False
        if wanted.chosen:
            known = await whole_text(self._stores, known, files.get(FileRole.TRANSCRIPT))
        if done is Redaction.OFF:
            known = self._without_digits(known)
        await self._keep(wanted, known, files)
        return True

    def stop(self) -> None:
        """Let go of the model, and of what is being listened to; it may be run again."""
        engine, self._engine = self._engine, None
        if engine is not None:
            engine.stop()

    async def _in_thread(self, wanted: Wanted, progress: Progress) -> Transcript:
        if self._engine is None:
            self._engine = self._make_engine()
        job = _Job(wanted, self._engine, progress)
        future = self._pool.submit(self._listen, job)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            if future.running():
                job.stopped.set()
                self.stop()
            raise

    def _listen(self, job: _Job) -> Transcript:
        wanted, rendition = job.wanted, job.wanted.rendition
        silent = [(a, rendition.duration_ms + 1000 if b is None else b) for a, b in wanted.paused]
        words: dict[int, list[Word]] = {}
        languages: dict[int, Counter[str]] = {}
        if rendition.channels:
            for piece in pieces(self._stores, rendition, silent, job.stopped.is_set):
                for channel in (UNKNOWN,) if piece.same_on_all else range(piece.sound.shape[1]):
                    spoken = languages.setdefault(channel, Counter())
                    for word, language in self._hear(job.engine, piece, channel, spoken):
                        words.setdefault(channel, []).append(word)
                        spoken[language] += 1
                job.progress(min(1.0, piece.to_ms / max(1, rendition.duration_ms)))
        said = [
            utterance
            for channel, heard in words.items()
            for utterance in _spoken(channel, _outside(heard, silent), wanted.heard)
        ]
        whole: Counter[str] = sum(languages.values(), Counter())
        language = whole.most_common(1)[0][0] if whole else self._language
        return Transcript(language, job.engine.name, rendition.sha256, in_order(said))

    def _hear(
        self, engine: SpeechEngine, piece: Piece, channel: int, spoken: Counter[str]
    ) -> Iterator[tuple[Word, str]]:
        sound = piece.sound[:, max(0, channel)]
        if len(sound) < _SHORTEST or not audible(sound, 0, piece.to_ms - piece.from_ms):
            return
        known = spoken.most_common(1)[0][0] if spoken.total() >= _SURE_OF_LANGUAGE else ""
        heard = engine.hear(sound, self._language or known)
        for word in heard.words:
            # Whisper makes up words where nothing is heard.
            if audible(sound, word.from_ms - _NEAR_MS, word.to_ms + _NEAR_MS):
                (placed,) = shifted([word], piece.from_ms)
                yield placed, heard.language

    def _without_digits(self, whole: Transcript) -> Transcript:
        left, spans = without_digits(whole.utterances, self._least, whole.language)
        return replace(whole, utterances=left, redacted=True, spans=spans)

    async def _keep(self, wanted: Wanted, whole: Transcript, files: dict[FileRole, StoredFile]) -> None:
        """The sound first: as long as the rows do not say that it is done, nobody hears the other one."""
        rendition = wanted.rendition
        if wanted.redaction is Redaction.AUDIO and (whole.spans or FileRole.REDACTED in files):
            old = files.get(FileRole.REDACTED)
            await keep_redacted(self._catalog, self._stores, self._encoders, wanted, whole.spans, old)
        crash_point("transcript.redacted")
        content, key = as_json(whole), transcript_key(rendition.key)
        digest = await asyncio.to_thread(self._put, content, key)
        row = StoredFile(
            wanted.recording_id, FileRole.TRANSCRIPT, 0, key, "json", digest.size, digest.sha256, 0, 0, 0,
            note=whole.engine,
        )  # fmt: skip
        await replace_file(self._catalog, self._stores, row, files.get(FileRole.TRANSCRIPT))
        crash_point("transcript.stored")
        await self._catalog.set_transcript(wanted.recording_id, whole, wanted.redaction)

    def _put(self, content: bytes, key: str) -> Digest:
        temp = self._stores.home.scratch()
        try:
            temp.write_bytes(content)
            return self._stores.home.put(temp, key)
        except OSError as error:
            raise store_error(f"cannot write {self._stores.home.path(key)}", error) from error
        finally:
            temp.unlink(missing_ok=True)


def make_transcribe(config: TranscriptionConfig, catalog: TranscriptStore, stores: Stores) -> Transcribe:
    """To be stopped at the end: it has a process of its own."""
    language = "" if config.language == "auto" else config.language
    return Transcribe(
        catalog, stores, lambda: SpeechProcess(config), least=config.redact_from, language=language
    )


def _outside(words: Iterable[Word], silent: Sequence[tuple[int, int]]) -> Iterator[Word]:
    """Without those that lie, for half of them or more, where the recording was paused."""
    for word in words:
        lasts = max(1, word.to_ms - word.from_ms)
        inside = sum(max(0, min(word.to_ms, b) - max(word.from_ms, a)) for a, b in silent)
        within = any(a <= word.from_ms and word.to_ms <= b for a, b in silent)
        if not within and inside * 2 < lasts:
            yield word


def _spoken(channel: int, words: Iterable[Word], heard: Sequence[Heard]) -> Iterator[Utterance]:
    for speaker, group in groupby(words, key=lambda word: _speaker(channel, word.from_ms, heard)):
        yield from utterances(channel, speaker, group)


def _speaker(channel: int, at_ms: int, heard: Sequence[Heard]) -> str:
    """Who is on this channel at this time; in a gap, who was before."""
    here = [h for h in heard if h.from_ms <= at_ms] or list(heard[:1])
    if not here:
        return ""
    last = here[-1]
    if channel == UNKNOWN:
        return last.left if last.left == last.right else ""
    return last.left if channel == 0 else last.right
