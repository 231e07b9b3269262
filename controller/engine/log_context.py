"""What every line of the log is about: ``call``, ``recording`` and ``capture``, bound where the work begins.

They are contextvars, so whatever is logged meanwhile carries them, however deep, and libraries' lines too. A
task takes its maker's with it: so all three are set each time, those that are not known to nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

_NAMES = ("call", "recording", "capture")


@contextmanager
def about(*, call: str = "", recording: str = "", capture: str = "") -> Iterator[None]:
    """A capture says which recording it is of (``<recording>.<number>``)."""
    ids = {"call": call, "recording": recording or capture.rpartition(".")[0], "capture": capture}
    # An ellipsis is structlog's own word for a name that is not bound.
    tokens = structlog.contextvars.bind_contextvars(**{name: ids[name] or ... for name in _NAMES})
    try:
        yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


def bind(*, call: str = "", recording: str = "") -> None:
    """For the rest of this task, such as a request."""
    structlog.contextvars.bind_contextvars(call=call or ..., recording=recording or ..., capture=...)
