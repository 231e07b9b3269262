"""Who is in a call, by ear; and what a private switch offers beside its users (controller/demo/lab.py)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from controller.demo.listen import Span, read_wav, spans
from controller.demo.phone import Dialog, tone
from controller.demo.phone.sound import TONE_PEAK

from .system import System, until


def needs(system: System, *what: str) -> None:
    """Skip, loudly, what this lab does not offer (its ``offers``)."""
    missing = [x for x in what if x not in getattr(system.lab, "offers", frozenset())]
    if missing:
        pytest.skip(f"THE {system.kind.upper()} LAB OFFERS NO {', '.join(missing).upper()}: NOT TRIED THERE")


async def outside(system: System, number: str, frequency: int) -> Dialog:
    """The next call that reaches the outside world under this number, speaking with its own tone."""
    dialog = await system.phone("outside").next_call(
        where=lambda d: d.called.lstrip("+") == number.lstrip("+")
    )
    dialog.rtp.play(tone(frequency))
    return dialog


async def next_call(system: System, user: str) -> Dialog:
    """A user's next call that is still there."""
    return await system.phone(user).next_call(where=lambda d: not d.ended.is_set())


async def park(system: System, b: Dialog) -> str:
    """Park this call; the slot in which it is."""
    await b.transfer("7050")
    if system.kind == "asterisk":
        return "7101"
    found: list[str] = []

    async def there() -> bool:  # FreeSWITCH takes one place after the other
        found[:] = re.findall(r"<extension uuid=[^>]*>(71\d\d)<", await system.lab.cli("valet_info"))
        return bool(found)

    await until(there, "the call is parked")
    return found[-1]


async def joined(system: System, user: str) -> str:
    """The call of a user who has been put through to somebody; before that it may be one of its own."""
    found: list[str] = []

    async def there() -> bool:
        found[:] = [c["call_id"] for c in await system.live(user=user) if len(c["parties"]) > 1]
        return len(found) == 1

    await until(there, f"{user} talks to somebody")
    return found[0]


async def ms_of(
    system: System, detail: dict[str, Any], *tones: int, channel: int | None = None
) -> dict[float, int]:
    """How many ms of each tone are in a recording, or on one channel of it."""
    path = await system.audio(detail["recording"]["recording_id"])
    wav = read_wav(path)
    samples = wav.mono() if channel is None else wav.samples[channel]
    return {
        t: sum(s.duration_ms for s in spans(samples, wav.rate, t) if _level(samples, t, s) > REAL)
        for t in tones
    }


#: A quarter of what a phone's tone has: half a packet of it is louder. Where two other tones begin or
#: end at once, a tone that nobody plays seems to be there at a tenth of it.
REAL = TONE_PEAK / 4


def _level(samples: Any, hertz: float, span: Span) -> float:
    """The loudest 20 ms of a tone in and around a span."""
    window = span.rate // 50
    start, stop = max(0, span.start - window), min(len(samples), span.stop + window)
    piece = samples[start:stop] * np.exp(-2j * np.pi * hertz / span.rate * np.arange(stop - start))
    if len(piece) < window:
        return 0.0
    total = np.concatenate(([0], np.cumsum(piece)))
    return float(2 * np.abs(total[window:] - total[:-window]).max() / window)


def decisions(cdr: dict[str, Any], kind: str = "audio") -> dict[str, str]:
    """tenant → the rule that decided last."""
    return {d["tenant"]: d["rule"] for d in cdr["decisions"] if d["kind"] == kind}
