"""Python's garbage collector, set so that it holds up no call's control."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

#: Young things are looked through after so many more of them, a few milliseconds at most; what has survived
#: that twice only after the last number's times of it. Every live call is a hundred things: to go through ten
#: thousand calls takes a third of a second, and Python's own numbers do so every few seconds then.
#: What has no cycle, a call among it, needs no collector and goes at once.
THRESHOLDS = (2_000, 10, 200)


def spare_the_loop() -> None:
    """What is there now stays for good and is not gone through again; the rest is, seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """What is imported stays: to go through it for garbage as it grows is a seventh of a start."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
