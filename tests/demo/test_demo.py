"""`tapeline demo`: one round on each real switch; a leak is found; a signal leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import warnings
import wave
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from controller.demo import asterisk_lab, cli, freeswitch_lab, stage, verdict
from controller.demo.calls import CALLS, Pause, Transfer, Way
from controller.demo.debs import cache_home
from controller.demo.lab import LabUnavailable
from controller.demo.phone.sound import RATE, Samples
from controller.demo.report import CallReport, RoundReport
from controller.demo.scenario import AskedPause, PlayedCall, Voice
from controller.demo.show import Board, results
from controller.demo.speech import speech

ROOT = Path(__file__).parents[2]
SWITCHES = [pytest.param(k, marks=getattr(pytest.mark, k)) for k in ("asterisk", "freeswitch")]


def need(switch: str) -> None:
    """Skip, loudly, where this switch cannot be had."""
    try:
        if switch == "asterisk":
            asterisk_lab.provision()
        elif freeswitch_lab.find_freeswitch() is None:
            raise LabUnavailable("no FreeSWITCH on this machine")
    except LabUnavailable as error:
        warnings.warn(f"{switch} TESTS SKIPPED: {error}", stacklevel=1)
        pytest.skip(str(error))


def start(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """The command in a home of its own, with the cache of this machine."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith("TAPELINE_")}
    own = {"TAPELINE_CACHE": str(cache_home()), "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "controller", "demo", *arguments],
        env=keep | own | environ, cwd=folder, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def processes_of(mark: str) -> list[str]:
    """The command lines of all processes that carry this mark in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue  # it has ended meanwhile, or is somebody else's
    return found


def tapeline_folders() -> set[Path]:
    return set(Path("/tmp").glob("tapeline-*"))


# ── on real switches ──────────────────────────────────────────────────────────────────────


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.parametrize("switch", SWITCHES)
def test_one_round_is_recorded_paused_and_told_as_json(switch: str, tmp_path: Path) -> None:
    need(switch)
    demo = start(tmp_path, "--once", "--json", "--port", "0", "--switch", switch)
    out, err = demo.communicate(timeout=200)
    assert demo.returncode == 0, err
    told = json.loads(out)
    assert told["problems"] == []
    assert told["switch"] == switch
    assert [c["expected"] for c in told["calls"]] == [c.recorded for c in CALLS]
    assert [c["recorded"] for c in told["calls"]] == [c.recorded for c in CALLS]
    assert all(c["why"] for c in told["calls"])
    assert {r["media_state"] for r in told["recordings"]} == {"available"}
    assert {p["way"] for p in told["pauses"]} == set(Way)
    for pause in told["pauses"]:
        assert abs(pause["found_from_ms"] - pause["asked_from_ms"]) <= verdict.LATE_MS
        assert abs(pause["found_to_ms"] - pause["asked_to_ms"]) <= verdict.LATE_MS
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("switch", "number"),
    [
        pytest.param("asterisk", signal.SIGINT, marks=pytest.mark.asterisk),
        pytest.param("freeswitch", signal.SIGTERM, marks=pytest.mark.freeswitch),
    ],
)
def test_a_signal_in_the_middle_of_calls_leaves_nothing_behind(
    switch: str, number: signal.Signals, tmp_path: Path
) -> None:
    need(switch)
    mark = f"tapeline-test-{os.urandom(8).hex()}"
    demo = start(tmp_path, "--port", "0", "--switch", switch, DEMO_TEST_MARK=mark)
    assert demo.stderr is not None
    said = []
    for line in demo.stderr:
        said.append(line)
        if "103 → +441632960333: ended" in line:  # the others are talking
            break
    else:
        pytest.fail(f"no calls: {''.join(said)}")
    running = processes_of(mark)
    assert any("serve --config" in p for p in running)
    assert any(switch in p for p in running)
    folder = next(m[1] for p in running if (m := re.search(r"(/\S*tapeline-(?:ast|fs)-[^/ ]+)", p)))
    demo.send_signal(number)
    _, err = demo.communicate(timeout=40)
    assert demo.returncode == cli.INTERRUPTED  # no round had ended
    assert "Traceback" not in err
    assert processes_of(mark) == []
    assert not Path(folder).exists()
    assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_switch_it_says_what_to_do(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    demo = start(tmp_path, "--once", TAPELINE_CACHE=str(blocked / "cache"), PATH="/nonexistent")
    out, err = demo.communicate(timeout=30)
    assert demo.returncode == 2
    assert out == ""
    assert "Traceback" not in err
    assert "missing" in err or "TAPELINE_CACHE" in err


# ── what it is told ───────────────────────────────────────────────────────────────────────


def quiet() -> Board:
    return Board(Console(file=open(os.devnull, "w"), stderr=True))


def test_json_is_for_one_round(tmp_path: Path) -> None:
    demo = start(tmp_path, "--json")
    _, err = demo.communicate(timeout=30)
    assert demo.returncode == 2
    assert "--once" in err


def test_the_usual_port_gives_way_and_a_named_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(cli, "DEFAULT_PORT", port)
        assert cli.choose_port(None, quiet()) == 0
        with pytest.raises(cli.PortTaken, match=str(port)):
            cli.choose_port(port, quiet())
    assert cli.choose_port(None, quiet()) == port


def test_a_folder_with_something_in_it_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(LabUnavailable, match="not empty"), stage._folder(tmp_path):
        pass
    assert (tmp_path / "mine").exists()


def test_a_strange_name_is_shown_as_it_is() -> None:
    console = Console(width=200, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    call = CallReport(
        PlayedCall(replace(CALLS[0], caller="[bold]101[/]")), why="[red]x", problems=["[/] bad"]
    )
    console.print(results(RoundReport("asterisk", "", [call]), 1))
    text = console.export_text()
    assert "[bold]101[/]" in text
    assert "[/] bad" in text


# ── what it hears ─────────────────────────────────────────────────────────────────────────

T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAUSED = next(c for c in CALLS if any(isinstance(s, Pause) for s in c.steps))
TRANSFERRED = next(c for c in CALLS if any(isinstance(s, Transfer) for s in c.steps))


def at(ms: float) -> datetime:
    return T0 + timedelta(milliseconds=ms)


def played(call: Any = PAUSED, **changes: Any) -> PlayedCall:
    """A call answered at T0, whose two voices began then."""
    voices = {call.caller: Voice(speech.AGENT, T0), call.callee: Voice(speech.CUSTOMER, T0)}
    pauses = [
        AskedPause(s.way, call.caller, at(s.from_ms + 480), at(s.to_ms))
        for s in call.steps
        if isinstance(s, Pause)
    ]
    it = PlayedCall(call, voices=voices, answered_at=T0, ended_at=at(call.talk_ms), pauses=pauses)
    for name, value in changes.items():
        setattr(it, name, value)
    return it


def conversation(call: PlayedCall, began_ms: int = 40) -> Samples:
    """What a good recorder would write that began so late."""
    both = speech.load(speech.AGENT).astype(np.int32) + speech.load(speech.CUSTOMER)
    both[both == 0] = 8
    sound = both[: call.call.talk_ms * RATE // 1000].astype(np.int16)
    for pause in call.pauses:
        silence(sound, *span(pause))
    return sound[began_ms * RATE // 1000 :]


def span(pause: AskedPause) -> tuple[int, int]:
    """ms from T0"""
    assert pause.resumed_at is not None
    start, stop = ((t - T0) / timedelta(milliseconds=1) for t in (pause.paused_at, pause.resumed_at))
    return int(start), int(stop)


def silence(sound: Samples, from_ms: int, to_ms: int) -> None:
    sound[from_ms * RATE // 1000 : to_ms * RATE // 1000] = 0


def judged(tmp_path: Path, sound: Samples, call: PlayedCall) -> verdict.Verdict:
    with wave.open(str(tmp_path / "it.wav"), "wb") as file:
        file.setparams((1, 2, RATE, len(sound), "NONE", ""))
        file.writeframes(sound.astype("<i2").tobytes())
    return verdict.judge(tmp_path / "it.wav", call)


def test_a_good_recording_has_no_problem(tmp_path: Path) -> None:
    call = played()
    heard = judged(tmp_path, conversation(call), call)
    assert heard.problems == []
    (pause,) = heard.pauses
    assert pause.late_ms == pytest.approx(0, abs=2)
    assert pause.found_to_ms == pytest.approx(pause.asked_to_ms, abs=2)
    assert heard.began_at == at(40)


def _late(sound: Samples, start: int, stop: int) -> None:
    sound[start * 8 : (start + 700) * 8] = speech.load(speech.CUSTOMER)[start * 8 : (start + 700) * 8] | 8


def _early(sound: Samples, start: int, stop: int) -> None:
    sound[(stop - 600) * 8 : stop * 8] = speech.load(speech.CUSTOMER)[(stop - 600) * 8 : stop * 8] | 8


def _whole(sound: Samples, start: int, stop: int) -> None:
    sound[start * 8 : stop * 8] = speech.load(speech.CUSTOMER)[start * 8 : stop * 8] | 8


def _hole(sound: Samples, start: int, stop: int) -> None:
    middle = (start + stop) // 2 * 8
    sound[middle : middle + 160] = 24


def _never_again(sound: Samples, start: int, stop: int) -> None:
    sound[stop * 8 :] = 0


def _lost(sound: Samples, start: int, stop: int) -> None:
    sound[8_000 * 8 : 8_400 * 8] = 0


def _deaf(sound: Samples, start: int, stop: int) -> None:
    sound[:] = np.where(sound == 0, 0, speech.load(speech.AGENT)[: len(sound)] | 8)


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_late, "leaks: silent 7"),
        (_early, "leaks: sound 6"),
        (_whole, "is not in the recording: sound from"),
        (_whole, "the card number can be heard"),
        (_hole, "leaks: sound"),
        (_never_again, "ms after it was to end"),
        (_lost, "silence that nobody asked for, 0:08"),
        (_deaf, "is not to be heard as it spoke"),
    ],
)
def test_what_is_wrong_is_named(
    spoil: Callable[[Samples, int, int], None], problem: str, tmp_path: Path
) -> None:
    call = played()
    sound = conversation(call, 0)
    (pause,) = call.pauses
    spoil(sound, *span(pause))
    problems = judged(tmp_path, sound, call).problems
    assert any(problem in p for p in problems), problems


def test_a_recording_that_is_cut_short_or_empty_is_named(tmp_path: Path) -> None:
    call = played()
    assert any("too early" in p for p in judged(tmp_path, conversation(call)[: 25 * RATE], call).problems)
    assert judged(tmp_path, np.zeros(RATE, np.int16), call).problems == [
        "nobody's words are in the recording"
    ]
    (tmp_path / "no.wav").write_bytes(b"nothing")
    assert "cannot be read" in verdict.judge(tmp_path / "no.wav", call).problems[0]


def test_sound_after_only_outsiders_are_left_is_named(tmp_path: Path) -> None:
    leaves = at(TRANSFERRED.talk_ms)
    call = played(TRANSFERRED, transferred_at=leaves, external_only_from=leaves, ended_at=at(11_000))
    sound = conversation(call, 0)
    assert judged(tmp_path, sound, call).problems == []
    longer = np.concatenate((sound, np.full(RATE * 150 // 1000, 24, np.int16)))
    (problem,) = judged(tmp_path, longer, call).problems
    assert "when only outside parties were left" in problem


def test_a_hold_may_be_silent(tmp_path: Path) -> None:
    call = played(replace(PAUSED, steps=()), pauses=[], holds=[(at(7_000), at(9_000))])
    sound = conversation(call, 0)
    silence(sound, 7_000, 9_000)
    assert judged(tmp_path, sound, call).problems == []
    call.holds.clear()
    assert any("nobody asked for" in p for p in judged(tmp_path, sound, call).problems)


def test_every_problem_is_in_the_json() -> None:
    report = RoundReport(
        "asterisk", "http://x", [CallReport(played(), problems=["missing recording"])], ["stray"]
    )
    told = report.as_json()
    assert told["ok"] is False
    assert told["problems"] == [f"{PAUSED.caller} → {PAUSED.callee}: missing recording", "stray"]
