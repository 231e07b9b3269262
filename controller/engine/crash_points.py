"""Named places where a test may kill the controller. In production each is a look at an empty list."""

from __future__ import annotations

from collections.abc import Callable

from ..core.commands import CloseCapture, Command, MaskCapture, OpenCapture, UnmaskCapture

#: While a call is up: a command of these kinds has been decided, the switch has carried it out, and what
#: is known of calls has been written.
LIVE_POINTS = (
    "open.decided",
    "open.done",
    "mask.decided",
    "mask.done",
    "unmask.decided",
    "unmask.done",
    "close.decided",
    "close.done",
    "calls.saving",
    "calls.saved",
)

#: In the order in which a recording passes them. Between any two of these a process may die.
CRASH_POINTS = (
    "segment.ready",
    "segment.repaired",
    "store.copied",
    "store.renamed",
    "segment.stored",
    "segment.cataloged",
    "segment.let_go",
    "segment.removed",
    "recording.stored",
    "rendition.joined",
    "rendition.stored",
    "rendition.cataloged",
    "recording.available",
)

#: One more for a segment of two sides.
SIDE_POINTS = ("segment.merged",)

#: The same for a recording whose sound is destroyed.
DISCARD_POINTS = (
    "discard.allowed",
    "discard.unstored",
    "discard.forgotten",
    "discard.removed",
    "discard.unspooled",
    "recording.discarded",
)

#: The same for a file that is moved into another store.
MOVE_POINTS = ("move.copied", "move.checked", "move.noted", "move.removed")

#: The same for a recording that is deleted for good.
ERASE_POINTS = (
    "erase.begun",
    "erase.unstored",
    "erase.unspooled",
    "erase.forgotten",
    "erase.ended",
    "erase.traced",
)

#: The same for a file that is sealed where it lies.
SEAL_POINTS = ("seal.begun", "seal.copied", "seal.checked", "seal.noted")

#: The same for its waveform.
PEAKS_POINTS = ("peaks.stored",)

#: The same for a transcript.
TRANSCRIPT_POINTS = ("transcript.redacted", "transcript.stored")
#: The same for a redacted rendition that goes, since nothing is to be taken out any more.
UNREDACTED_POINTS = ("unredacted.noted", "unredacted.removed")
#: The same for a recording that is encoded, and whose WAV then goes.
ENCODE_POINTS = ("encode.made", "encode.stored", "encode.cataloged")
ORIGINALS_POINTS = (
    "originals.compared",
    "originals.noted",
    "originals.removed",
    "originals.forgotten",
)

_ALL = frozenset(
    (
        *LIVE_POINTS,
        *CRASH_POINTS,
        *SIDE_POINTS,
        *DISCARD_POINTS,
        *MOVE_POINTS,
        *ERASE_POINTS,
        *PEAKS_POINTS,
        *SEAL_POINTS,
        *TRANSCRIPT_POINTS,
        *UNREDACTED_POINTS,
        *ENCODE_POINTS,
        *ORIGINALS_POINTS,
    )
)

_STEPS: dict[type, str] = {
    OpenCapture: "open",
    MaskCapture: "mask",
    UnmaskCapture: "unmask",
    CloseCapture: "close",
}

_hooks: list[Callable[[str], None]] = []


def arm(hook: Callable[[str], None] | None) -> None:
    """Call this at every crash point from now on; None disarms. For tests only."""
    _hooks[:] = [] if hook is None else [hook]


def crash_point(name: str) -> None:
    """Here the process may die. Raises whatever the armed hook raises."""
    for hook in _hooks:
        if name not in _ALL:
            raise LookupError(f"{name} is no crash point; add it to this file")
        hook(name)


def command_point(command: Command, moment: str) -> None:
    """One of LIVE_POINTS, for the commands that have them."""
    step = _STEPS.get(type(command))
    if step is not None:
        crash_point(f"{step}.{moment}")
