"""The worker process as an engine: started when there is something to hear, ended when there is not."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

from ..config.transcription import TranscriptionConfig
from ..core.transcripts import Word
from .resample import Samples
from .speech import Listened, NoSpeech, SpeechError, read_frame, write_frame
from .whisper import find_model

#: A piece of a minute takes seconds; a worker that is at it for so long hangs.
_LIMIT_S = 1800.0
_STARTING_S = 300.0


class SpeechProcess:
    """speech.SpeechEngine. ``command`` starts the worker; another one for tests."""

    def __init__(
        self,
        config: TranscriptionConfig,
        command: Sequence[str] = (sys.executable, "-m", "controller.media.speech_worker"),
        *,
        limit_s: float = _LIMIT_S,
    ) -> None:
        self._config = config
        self._command = command
        self._limit_s = limit_s
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None
        self._stopped = False
        self.name = "faster-whisper"

    @property
    def pid(self) -> int | None:
        """Of the worker that runs now, if one does."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    def hear(self, sound: Samples, language: str) -> Listened:
        with self._turn:
            fresh = self._start()
            try:
                answer = self._ask({"language": language}, sound.astype("<i2").tobytes())
            except SpeechError:
                if fresh or self._stopped:
                    raise
                # It had just gone, for want of work: once more with a new one.
                self._end()
                self._start()
                answer = self._ask({"language": language}, sound.astype("<i2").tobytes())
        if "error" in answer:
            raise SpeechError(f"the speech worker failed: {answer['error']}")
        words = tuple(Word(text, begin, end, sure) for text, begin, end, sure in answer["words"])
        return Listened(words, str(answer["language"]))

    def stop(self) -> None:
        self._stopped = True
        process = self._process
        if process is not None:
            process.kill()

    def _start(self) -> bool:
        """True if it had to be started."""
        if self._stopped:
            raise SpeechError("the controller stops; it is done again when it is back")
        if self.pid is not None:
            return False
        self._end()
        model = find_model(self._config.model)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        threads = str(self._config.threads)
        try:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads},
            )
        except OSError as error:
            raise SpeechError(f"cannot start the speech worker: {error}") from error
        settings = {"model": str(model)} | {
            key: getattr(self._config, key)
            for key in ("compute_type", "threads", "nice", "memory_mb", "idle_s")
        }
        answer = self._ask(settings, b"", _STARTING_S)
        if "refused" in answer:
            self._end()
            raise NoSpeech(f"the model in {model} cannot be used: {answer['refused']}")
        self.name = str(answer["ready"])
        return True

    def _ask(self, header: dict[str, Any], body: bytes, limit_s: float | None = None) -> dict[str, Any]:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        # Whatever happens to the controller's threads, no worker runs for ever.
        leash = threading.Timer(limit_s or self._limit_s, process.kill)
        leash.daemon = True
        leash.start()
        try:
            write_frame(process.stdin, header, body)
            answer = read_frame(process.stdout)
        except OSError:
            answer = None
        finally:
            leash.cancel()
        if answer is None:
            process.kill()
            code = process.wait()
            words = self._words()
            self._end()
            raise SpeechError(f"the speech worker ended ({code}){f': {words}' if words else ''}")
        return answer[0]

    def _words(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(0)
        return " ".join(self._said.read().decode("utf-8", "replace").split())[-300:]

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            process.wait()
        if self._said is not None:
            self._said.close()
            self._said = None
