"""The worker process with a stand-in for the model: started, reused, ended, bounded, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from controller.config.transcription import TranscriptionConfig
from controller.media import speech_process, whisper
from controller.media.speech import NoSpeech, SpeechError
from controller.media.speech_process import SpeechProcess

SILENCE = np.zeros(1600, np.int16)

#: The real worker with another model in it: the first sample says what it does.
STAND_IN = """
import sys, time, types
import controller.media.whisper as whisper
from controller.core.transcripts import Word
from controller.media.speech import Listened

class Model:
    name = "stand-in 1"
    def __init__(self, folder, compute_type, threads):
        print("a library prints")
        if compute_type == "float32":
            raise ValueError("no such thing")
    def hear(self, sound, language):
        what = int(sound[0])
        if what == 1: raise RuntimeError("cannot hear that")
        if what == 2: time.sleep(600)
        if what == 3: return Listened((Word(str(len(bytearray(900 * 2**20))), 0, 1),), "en")
        import os
        return Listened((Word(f"{os.getpid()} {os.nice(0)} {len(sound)} {language}", 0, 100, 0.5),), "en")

whisper.Whisper = Model
from controller.media.speech_worker import main
sys.exit(main())
"""

Make = Callable[..., SpeechProcess]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    monkeypatch.setattr(speech_process, "find_model", lambda model: Path("/nowhere"))
    made: list[SpeechProcess] = []

    def start(**settings: object) -> SpeechProcess:
        limit_s = float(settings.pop("limit_s", 60.0))  # type: ignore[arg-type]
        config = TranscriptionConfig(**{"nice": 7, "memory_mb": 600} | settings)  # type: ignore[arg-type]
        made.append(SpeechProcess(config, (sys.executable, "-c", STAND_IN), limit_s=limit_s))
        return made[-1]

    yield start
    for process in made:
        process.stop()


def asked(first: int) -> np.ndarray:
    sound = SILENCE.copy()
    sound[0] = first
    return sound


def said(process: SpeechProcess, language: str = "") -> list[str]:
    (word,) = process.hear(SILENCE, language).words
    return word.text.split(" ")


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False


def test_one_worker_hears_piece_after_piece_and_gives_way(make: Make) -> None:
    process = make()
    assert process.pid is None, "nothing runs before there is something to do"
    pid, nice, length, language = said(process, "de")
    assert int(pid) == process.pid != os.getpid()
    assert int(nice) == min(os.nice(0) + 7, 19), "19 is the lowest that there is"
    assert (length, language) == ("1600", "de")
    assert said(process)[0] == pid
    assert process.name == "stand-in 1"


def test_with_nothing_to_do_it_goes_and_comes_back(make: Make) -> None:
    process = make(idle_s=1)
    first = int(said(process)[0])
    assert gone(first)
    assert int(said(process)[0]) != first


def test_killed_between_two_pieces_it_is_started_anew(make: Make) -> None:
    process = make()
    first = int(said(process)[0])
    os.kill(first, signal.SIGKILL)
    assert int(said(process)[0]) != first


def test_what_a_piece_does_to_it_is_told(make: Make) -> None:
    process = make()
    pid = said(process)[0]
    with pytest.raises(SpeechError, match="cannot hear that"):
        process.hear(asked(1), "")
    assert said(process)[0] == pid, "one bad piece is no reason to load the model again"


def test_its_memory_is_bounded(make: Make) -> None:
    process = make(memory_mb=300)
    with pytest.raises(SpeechError):
        process.hear(asked(3), "")
    assert said(process)


def test_one_that_hangs_is_ended(make: Make) -> None:
    process = make(limit_s=1.0)
    with pytest.raises(SpeechError, match="ended"):
        process.hear(asked(2), "")


def test_stopped_in_the_midst_of_a_piece(make: Make) -> None:
    process = make()
    pid = int(said(process)[0])
    faults: list[Exception] = []

    def hear() -> None:
        try:
            process.hear(asked(2), "")
        except SpeechError as error:
            faults.append(error)

    thread = threading.Thread(target=hear)
    thread.start()
    process.stop()
    thread.join(20)
    assert not thread.is_alive()
    assert len(faults) == 1
    assert gone(pid)
    with pytest.raises(SpeechError, match="stops"):
        process.hear(SILENCE, "")


def test_a_model_that_cannot_be_loaded_is_told_as_it_is(make: Make) -> None:
    process = make(compute_type="float32")
    with pytest.raises(NoSpeech, match="no such thing"):
        process.hear(SILENCE, "")
    assert process.pid is None


def test_no_worker_outlives_its_controller(tmp_path: Path) -> None:
    """The controller is killed with -9 while its worker is at a piece."""
    script = tmp_path / "parent.py"
    script.write_text(
        "import sys, threading, time, numpy as np\n"
        "from pathlib import Path\n"
        "from controller.config.transcription import TranscriptionConfig\n"
        "from controller.media import speech_process\n"
        "speech_process.find_model = lambda model: Path('/nowhere')\n"
        f"p = speech_process.SpeechProcess(TranscriptionConfig(), (sys.executable, '-c', {STAND_IN!r}))\n"
        "p.hear(np.zeros(1600, np.int16), '')\n"
        "busy = np.full(1600, 2, np.int16)\n"
        "threading.Thread(target=p.hear, args=(busy, ''), daemon=True).start()\n"
        "time.sleep(0.3)\n"
        "print(p.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert Path(f"/proc/{worker}").exists()
        parent.kill()
    assert gone(worker)


def test_what_is_missing_is_named_with_how_to_mend_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = whisper.importlib.util.find_spec
    monkeypatch.setattr(whisper.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(NoSpeech, match=r"faster-whisper is not installed: .*tapeline\[transcribe\]"):
        whisper.find_model(None)

    def only_the_engine(name: str) -> object:
        return there("json") if name == "faster_whisper" else None

    monkeypatch.setattr(whisper.importlib.util, "find_spec", only_the_engine)
    with pytest.raises(NoSpeech, match=r"there is no speech model: set transcription\.model"):
        whisper.find_model(None)
    with pytest.raises(NoSpeech, match=r"lacks model\.bin, config\.json, tokenizer\.json"):
        whisper.find_model(tmp_path)
