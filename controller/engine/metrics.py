"""Numbers for whoever watches (Prometheus' text format, 0.0.4): families, and how they are written.

No label has a value that a stranger chooses: switches, states, kinds and outcomes only.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

#: Seconds. A command to a switch takes milliseconds; its time-out is two seconds by default.
BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Histogram:
    """How long something took, counted into `BOUNDS`."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds


@dataclass(slots=True)
class HttpStats:
    """``took``: (method, the route's template, the status's class such as 2xx) → seconds until the answer
    began. ``streams``: event streams that are open now, by their route."""

    took: dict[tuple[str, str, str], Histogram] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        key = (method, route, f"{status // 100}xx")
        self.took.setdefault(key, Histogram()).observe(seconds)

    def stream(self, route: str, step: int) -> None:
        self.streams[route] = self.streams.get(route, 0) + step


@dataclass(slots=True)
class Family:
    """``kind``: counter, gauge or histogram. ``samples``: (labels, value) each."""

    name: str
    kind: str
    help: str
    samples: list[tuple[Labels, float | Histogram]] = field(default_factory=list)

    def add(self, value: float | Histogram, labels: Mapping[str, str] | None = None) -> Family:
        self.samples.append((tuple((labels or {}).items()), value))
        return self


def exposition(families: Iterable[Family]) -> str:
    lines: list[str] = []
    for family in families:
        lines += [f"# HELP {family.name} {family.help}", f"# TYPE {family.name} {family.kind}"]
        for labels, value in family.samples:
            if isinstance(value, Histogram):
                lines += _histogram(family.name, labels, value)
            else:
                lines.append(f"{family.name}{_labels(labels)} {_number(value)}")
    return "\n".join(lines) + "\n"


def _histogram(name: str, labels: Labels, histogram: Histogram) -> list[str]:
    lines, below = [], 0
    for bound, count in zip((*BOUNDS, None), histogram.counts, strict=True):
        below += count
        le = "+Inf" if bound is None else _number(bound)
        lines.append(f"{name}_bucket{_labels((*labels, ('le', le)))} {below}")
    return [
        *lines,
        f"{name}_sum{_labels(labels)} {_number(histogram.total)}",
        f"{name}_count{_labels(labels)} {below}",
    ]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
