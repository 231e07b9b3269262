"""Draws docs/reference/capture-states.md from the table: ``python -m tests.core.draw_captures``."""

from __future__ import annotations

from pathlib import Path

from controller.core.captures import TRANSITIONS, CaptureEvent, CaptureState

DOCUMENT = Path(__file__).parents[2] / "docs/reference/capture-states.md"
MARK = "<!-- drawn -->\n"
ASKED = {CaptureEvent.MASK, CaptureEvent.UNMASK, CaptureEvent.CLOSE}


def diagram() -> str:
    arrows: dict[tuple[CaptureState, CaptureState], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        name = event.value.replace("_", " ")
        arrows.setdefault((state, after), []).append(name.upper() if event in ASKED else name)
    lines = ["```mermaid", "stateDiagram-v2", "    [*] --> requested: OPEN"]
    lines += [f"    {a} --> {b}: {', '.join(names)}" for (a, b), names in arrows.items()]
    lines += [f"    {state} --> [*]" for state in CaptureState if state.final]
    return "\n".join([*lines, "```", ""])


def current() -> str:
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.partition(MARK)[2]


if __name__ == "__main__":
    head = DOCUMENT.read_text(encoding="utf-8").partition(MARK)[0]
    DOCUMENT.write_text(head + MARK + diagram(), encoding="utf-8")
