"""Spans: how long something took, and as a part of what. Whoever wants them installs a tracer (traces/).

Without one, a span costs next to nothing. What a span may say is `Attributes` and nothing else: ids of ours,
names of the configuration and of this program. No number, no name of a person, no address, no text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Literal, Protocol, TypedDict, Unpack

#: Who began it: somebody who asked us (server), we ourselves, or we who ask somebody (client).
Kind = Literal["server", "internal", "client"]
#: Where in a trace one is: the tracer's own; None without one.
Place = object


class Attributes(TypedDict, total=False):
    """See docs/reference/traces.md, whose table is held against this."""

    method: str
    route: str
    status: int
    switch: str
    command: str
    call: str
    recording: str
    capture: str
    run: str
    phase: str
    step: str
    hook: str
    event: str
    tries: int
    result: str


class Span(Protocol):
    def rename(self, name: str) -> None: ...
    def note(self, **attributes: Unpack[Attributes]) -> None: ...
    def fail(self, kind: str) -> None:
        """It failed. ``kind``: a word of ours or an exception's class, never what it says."""

    def end(self) -> None:
        """Before the block does; more than once is harmless."""


class Tracer(Protocol):
    def span(
        self, name: str, kind: Kind, within: Place | None, attributes: Attributes
    ) -> AbstractContextManager[Span]: ...
    def here(self) -> Place: ...
    def under(self, place: Place) -> AbstractContextManager[None]: ...
    def outgoing(self) -> Mapping[str, str]: ...
    def incoming(self, address: str, traceparent: str) -> Place | None: ...


class _Off:
    """A span that nobody wants; one for all."""

    def __enter__(self) -> _Off:
        return self

    def __exit__(self, *error: object) -> None: ...
    def rename(self, name: str) -> None: ...
    def note(self, **attributes: Unpack[Attributes]) -> None: ...
    def fail(self, kind: str) -> None: ...
    def end(self) -> None: ...


_OFF = _Off()
_NOTHING: Mapping[str, str] = {}
#: The process's, if there is one.
_tracers: list[Tracer] = []


@contextmanager
def installed(tracer: Tracer) -> Iterator[None]:
    """For the whole process."""
    _tracers.append(tracer)
    try:
        yield
    finally:
        _tracers.remove(tracer)


def span(
    name: str, *, kind: Kind = "internal", within: Place | None = None, **attributes: Unpack[Attributes]
) -> AbstractContextManager[Span]:
    """A part of what is going on here, or of what goes on at ``within``. An exception that leaves it fails
    it. ``name`` is one of few: no id is in it."""
    return _tracers[-1].span(name, kind, within, attributes) if _tracers else _OFF


def here() -> Place | None:
    """For whoever does something later, or elsewhere, that is a part of this."""
    return _tracers[-1].here() if _tracers else None


def under(place: Place | None) -> AbstractContextManager[object]:
    """What is done meanwhile is a part of what goes on there, and not of what made this task."""
    return _OFF if place is None or not _tracers else _tracers[-1].under(place)


def outgoing() -> Mapping[str, str]:
    """The headers by which another system can say what it does as a part of this (W3C Trace Context)."""
    return _tracers[-1].outgoing() if _tracers else _NOTHING


def incoming(address: str, traceparent: str) -> Place | None:
    """Where somebody's trace goes on, if he is one of those whom it is believed; whoever asks from
    elsewhere could lay his requests into other people's traces, and have each of them kept."""
    return _tracers[-1].incoming(address, traceparent) if traceparent and _tracers else None
