"""Transcribing: how fast, with how much memory, and how many spoken digits are heard and taken out."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import tempfile
import time
import wave
from pathlib import Path

import numpy as np

from controller.config.transcription import TranscriptionConfig
from controller.core.redaction import digit_runs
from controller.demo.speech import speech
from controller.media.resample import resample
from controller.media.speech import NoSpeech
from controller.media.speech_process import SpeechProcess
from controller.media.transcribe_audio import RATE
from controller.media.whisper import find_model

from .result import Aim, Result

ROUNDS = 4
NUMBERS = 24
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb+m3")


def run() -> Result:
    result = Result("transcripts", "Transcripts")
    try:
        find_model(None)
    except NoSpeech as error:
        result.notes.append(f"not measured: {error}")
        return result
    engine = SpeechProcess(TranscriptionConfig(nice=0))
    try:
        _speed(engine, result)
        _digits(engine, result)
    finally:
        engine.stop()
    return result


def _speed(engine: SpeechProcess, result: Result) -> None:
    """Both sides of the demo's conversation, as a recording in stereo is heard."""
    began = time.monotonic()
    engine.hear(np.zeros(RATE, np.int16), "en")
    loading = time.monotonic() - began
    sides = [_at_16k(speech.load(who)) for who in (speech.AGENT, speech.CUSTOMER)]
    lasts = len(sides[0]) / RATE
    worker = engine.pid
    assert worker is not None
    cpu, began = _cpu_s(worker), time.monotonic()
    for _ in range(ROUNDS):
        for side in sides:
            engine.hear(side, "en")
    wall, spent = time.monotonic() - began, _cpu_s(worker) - cpu
    status = dict(line.split(":", 1) for line in Path(f"/proc/{worker}/status").read_text().splitlines())
    result.rows.append(
        {
            "what": f"{ROUNDS} stereo calls of {lasts:.0f} s, {engine.name}, one thread",
            "times real time": round(ROUNDS * lasts / wall, 1),
            "CPU seconds a minute of call": round(spent / (ROUNDS * lasts) * 60, 1),
            "peak memory, MB": round(int(status["VmHWM"].split()[0]) / 1000),
            "loading, s": round(loading, 1),
        }
    )


def _digits(engine: SpeechProcess, result: Result) -> None:
    """16 digits in groups of four, in a sentence, over the telephone's band."""
    if not shutil.which("espeak-ng") or not shutil.which("sox"):
        result.notes.append("digits not measured: espeak-ng or sox is missing")
        return
    dice, found, covered, clean, spoken = random.Random(4), 0, 0, 0, 0
    for n in range(NUMBERS):
        digits = "".join(dice.choice("0123456789") for _ in range(16))
        before, number, behind = _said(VOICES[n % len(VOICES)], digits)
        silence = np.zeros(RATE // 5, np.int16)
        begin = (len(before) + len(silence)) * 1000 // RATE
        end = begin + len(number) * 1000 // RATE
        heard = engine.hear(np.concatenate((before, silence, number, silence, behind)), "en")
        runs = digit_runs(heard.words, language="en")
        inside = sum(max(0, min(r.to_ms, end) - max(r.from_ms, begin)) for r in runs)
        left = [w for i, w in enumerate(heard.words) if not any(r.first <= i < r.end for r in runs)]
        spoken += len(digits)
        found += min(len(digits), sum(r.digits for r in runs))
        covered += round(100 * inside / (end - begin))
        clean += not any(c.isdigit() for w in left for c in w.text)
    result.rows.append(
        {
            "what": f"{NUMBERS} numbers of 16 digits, synthetic voices (espeak-ng), telephone band",
            "digits in a run, %": round(100 * found / spoken, 1),
            "sound of the number taken out, %": round(covered / NUMBERS, 1),
            "texts without any digit left, %": round(100 * clean / NUMBERS, 1),
        }
    )
    whole = covered / NUMBERS
    result.aims.append(Aim("sound of spoken card numbers taken out", "≥ 95 %", f"{whole:.1f} %", whole >= 95))


def _said(voice: str, digits: str) -> list[np.ndarray]:
    groups = ". ".join(" ".join(digits[i : i + 4]) for i in range(0, 16, 4))
    texts = ("Yes of course. The number on my card is", groups, "and that is all I have for you today.")
    return [_voice(voice, text) for text in texts]


def _voice(voice: str, text: str) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        wav, out = Path(folder) / "say.wav", Path(folder) / "out.wav"
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-g", "2", "-w", str(wav), text], check=True)
        telephone = ["rate", "8000", "highpass", "200", "lowpass", "3400", "norm", "-7"]
        subprocess.run(["sox", "-D", str(wav), "-b", "16", "-c", "1", str(out), *telephone], check=True)
        with wave.open(str(out)) as file:
            return _at_16k(np.frombuffer(file.readframes(file.getnframes()), "<i2"))


def _at_16k(sound: np.ndarray) -> np.ndarray:
    return np.concatenate(list(resample(iter([sound[:, None]]), len(sound), 8000, RATE)))[:, 0]


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
