"""What a benchmark gives back: rows of numbers, the aims they are held to, and how they were taken."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

#: A cell of a table: a name, or a number with its unit in the column's name.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """``met`` is None where the aim could not be measured here."""

    what: str
    aim: str
    measured: str
    met: bool | None


@dataclass(slots=True)
class Plot:
    """Lines by their names, each of points (x, y); all of one plot are drawn on the same axes."""

    title: str
    across: str
    lines: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


@dataclass(slots=True)
class Result:
    name: str
    title: str
    rows: list[Row] = field(default_factory=list)
    aims: list[Aim] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    #: What could not be done here, and why.
    notes: list[str] = field(default_factory=list)
    took_s: float = 0.0
    #: The machine's load average (1 min) before and after: other work makes latencies longer.
    load: tuple[float, float] = (0.0, 0.0)

    def point(self, title: str, across: str, name: str, x: float, y: float) -> None:
        """One more on the line of this name, in the plot of this title."""
        plot = next((p for p in self.plots if p.title == title), None)
        if plot is None:
            plot = Plot(title, across)
            self.plots.append(plot)
        plot.lines.setdefault(name, []).append((x, y))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def machine() -> dict[str, Any]:
    """What the numbers depend on; no host name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 0,
        "memory_gb": round(memory / 2**30),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of them lies, by the nearest rank: always one that was seen."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
