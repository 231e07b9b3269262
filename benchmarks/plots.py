"""A plot as SVG: lines over two axes with round numbers, a legend below. On white.."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 280
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 40, 70
_COLOURS = ("#1f6fb4", "#d1620f", "#2d8a4e", "#8650a6")
_POINTS = 12  # up to so many each is marked


def svg(plot: dict[str, Any]) -> str:
    """``plot``: a `result.Plot` as it is kept."""
    lines: dict[str, list[Sequence[float]]] = plot["lines"]
    across = [point[0] for line in lines.values() for point in line]
    up = [point[1] for line in lines.values() for point in line]
    xs, ys = _ticks(max(across)), _ticks(max(up))
    legend = _legend(list(lines))
    height = round(legend[-1][1] + 16)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(plot["title"])}</text>',
    ]
    for tick in ys:
        y = _y(tick, ys[-1])
        drawn += [
            f'<path d="M{_LEFT} {y}H{WIDTH - _RIGHT}" stroke="#ddd"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4}" text-anchor="end">{tick:,g}</text>',
        ]
    bottom = HEIGHT - _BOTTOM
    for tick in xs:
        x = _x(tick, xs[-1])
        drawn.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{tick:,g}</text>')
    drawn.append(
        f'<text x="{WIDTH - _RIGHT}" y="{bottom + 36}" text-anchor="end">{escape(plot["across"])}</text>'
    )
    for number, (name, line) in enumerate(lines.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [(_x(x, xs[-1]), _y(y, ys[-1])) for x, y in line]
        path = " ".join(f"{x},{y}" for x, y in places)
        drawn.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(places) <= _POINTS:
            drawn += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in places]
        left, base = legend[number]
        drawn.append(f'<path d="M{left} {base - 4}h16" stroke="{colour}" stroke-width="3"/>')
        drawn.append(f'<text x="{left + 22}" y="{base}">{escape(name)}</text>')
    return "\n".join([*drawn, "</svg>\n"])


def _legend(names: Sequence[str]) -> list[tuple[float, float]]:
    """Where each name's begins, in as many lines as they need."""
    places: list[tuple[float, float]] = []
    left, base = float(_LEFT), HEIGHT - 12.0
    for name in names:
        width = 40 + 6.5 * len(name)
        if places and left + width > WIDTH:
            left, base = float(_LEFT), base + 20
        places.append((left, base))
        left += width
    return places


def _x(value: float, most: float) -> float:
    return round(_LEFT + value / most * (WIDTH - _LEFT - _RIGHT), 1)


def _y(value: float, most: float) -> float:
    return round(HEIGHT - _BOTTOM - value / most * (HEIGHT - _TOP - _BOTTOM), 1)


def _ticks(most: float) -> list[float]:
    """Zero and up to six round numbers, the last of them not below ``most``."""
    if most <= 0:
        return [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(most))
    step = next(s * power for s in (0.2, 0.5, 1.0, 2.0) if s * power * 6 >= most)
    return [round(n * step, 10) for n in range(math.ceil(most / step) + 1)]
