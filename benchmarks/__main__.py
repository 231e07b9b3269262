"""``python -m benchmarks [NAME …] [--json FILE]``: run, print the tables, keep the numbers.

``python -m benchmarks report`` writes docs/performance.md and its plots from the kept numbers; ``make bench``
ends with it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import (
    capacity,
    catalog,
    control_latency,
    decisions,
    encoding,
    esl_intake,
    flood,
    live_page,
    memory,
    pipeline,
    ranges,
    report,
    sealed,
    start_loss,
    stillness,
    sweeping,
    transcripts,
    whole,
)
from .result import Result, machine

BENCHMARKS: dict[str, Callable[[], Result]] = {
    "decisions": decisions.run,
    "esl_intake": esl_intake.run,
    "control_latency": control_latency.run,
    "control_latency_crowded": control_latency.run_crowded,
    "start_loss": start_loss.run,
    "sealed": sealed.run,
    "transcripts": transcripts.run,
    "encoding": encoding.run,
    "encoding_memory": memory.run,
    "sweep": sweeping.run,
    "pipeline": pipeline.run,
    "stillness": stillness.run,
    "whole": whole.run,
    "capacity": capacity.run,
    "flood": flood.run,
    "catalog": catalog.run,
    "live_page": live_page.run,
    "ranges": ranges.run,
}
LATEST = Path(__file__).parent / "results/latest.json"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"{', '.join(BENCHMARKS)} (default: all), or report")
    parser.add_argument(
        "--json", type=Path, default=LATEST, metavar="FILE", help="where the numbers are kept"
    )
    arguments = parser.parse_args()
    if arguments.name == ["report"]:
        report.write(json.loads(arguments.json.read_text()))
        return 0
    unknown = [n for n in arguments.name if n not in BENCHMARKS]
    if unknown:
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    for name in arguments.name or BENCHMARKS:
        result = _run(BENCHMARKS[name])
        report.show(result.as_json())
        _keep(arguments.json, result)
    print(f"The numbers are in {arguments.json}.")
    return 0


def _run(benchmark: Callable[[], Result]) -> Result:
    before, started = os.getloadavg()[0], time.monotonic()
    result = benchmark()
    result.took_s = round(time.monotonic() - started, 1)
    result.load = (round(before, 2), round(os.getloadavg()[0], 2))
    return result


def _keep(file: Path, result: Result) -> None:
    """Into the file, next to the results of the other benchmarks."""
    kept: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    kept.setdefault("benchmarks", {})[result.name] = {
        **result.as_json(),
        "machine": machine(),
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    sys.exit(main())
