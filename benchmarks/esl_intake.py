"""ESL intake: bytes of the event socket to core facts, against stock greenswitch and a bare reader.

All readers get the same captured events from the same kind of local server, one after another in
rounds, so that what else the machine does meets them alike; each is a process of its own.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from .esl_frames import MIXES, load
from .esl_reader import STALL_S
from .result import Aim, Result

EVENTS = 60_000
ROUNDS = 5
#: Slow and memory-hungry; its number is steady enough after these.
GREENSWITCH_ROUNDS = 3
PATIENCE_S = 120

READERS = {
    "tapeline": "Tapeline: EventSocket + Translator",
    "bare": "bare asyncio + orjson (no translation)",
    "greenswitch": "stock greenswitch 0.0.19 (no translation)",
    "stalled": f"Tapeline, its loop stalled for {STALL_S:.0f} s first",
}


def run() -> Result:
    result = Result("esl_intake", "ESL intake: event-socket bytes to core facts")
    for mix in MIXES:
        _measure(result, mix)
    return result


def _measure(result: Result, mix: str) -> None:
    frames = load(mix, "json")
    size = round(sum(map(len, frames)) / len(frames) / 1000, 1)
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in READERS}
    with _server(mix) as port:
        for number in range(ROUNDS):
            for name in READERS:
                rounds = {"greenswitch": GREENSWITCH_ROUNDS, "stalled": 1}.get(name, ROUNDS)
                if number < rounds:
                    runs[name].append(_read(name, port))
    speed = {name: [r["events"] / r["cpu_s"] for r in found] for name, found in runs.items()}
    for name, found in runs.items():
        wall = max(r["events"] / r["wall_s"] for r in found)
        stalled = name == "stalled"
        result.rows.append(
            {
                "events": f"{mix}, {size} KB each",
                "reader": READERS[name],
                "events/s and core (median)": None if stalled else round(statistics.median(speed[name])),
                "events/s, wall (best)": None if stalled else round(wall),
                "lost of 60,000": max(EVENTS - int(r["events"]) for r in found),
                "peak RSS MB": max(r["peak_mb"] for r in found),
            }
        )
    green = _ratio(speed["tapeline"], speed["greenswitch"])
    bare = _ratio(speed["tapeline"], speed["bare"])
    ours = runs["tapeline"] + runs["stalled"]
    lost = max(EVENTS - int(r["events"]) for r in ours)
    peak = max(r["peak_mb"] for r in ours)
    result.aims += [
        Aim(f"{mix}: times stock greenswitch", "≥ 2.5", f"{green:.2f}", green >= 2.5),
        Aim(f"{mix}: share of the bare reader", "≥ 0.5", f"{bare:.2f}", bare >= 0.5),
        Aim(f"{mix}: events lost of 60,000 queued", "0", str(lost), lost == 0),
        Aim(f"{mix}: peak memory", "< 100 MB", f"{peak:.0f} MB", peak < 100),
    ]


def _ratio(ours: list[float], theirs: list[float]) -> float:
    """The median of the ratios within a round: each round's runs lie within seconds of each other."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=False))


@contextmanager
def _server(mix: str) -> Iterator[int]:
    command = [sys.executable, "-m", "benchmarks.esl_server", mix, str(EVENTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.kill()


def _read(name: str, port: int) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.esl_reader", name, str(port), str(EVENTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S)
    report: dict[str, float] = json.loads(done.stdout)
    return report
