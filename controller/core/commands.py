"""What the switch is told, in the imperative. Made by the core, carried out by an adapter."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .media_kinds import Kind, Operation


class Layout(StrEnum):
    """The channels of a capture: one, or the leg's own voice on one side and what it hears on the other."""

    MONO = "mono"
    OWN_LEFT = "own_left"
    OWN_RIGHT = "own_right"


class Sound(StrEnum):
    PAUSED = "paused"  # two short falling tones
    RESUMED = "resumed"  # two short rising tones
    BEEP = "beep"  # the recording beep: 1400 Hz, 200 ms
    ANNOUNCEMENT = "announcement"  # the tenant's own sound


@dataclass(frozen=True, slots=True)
class OpenCapture:
    """Record this leg, both directions, into a file of its own.

    ``own_voice_only``: only what the leg's own party says (with two channels, the other one is
    silent). ``path`` is relative to the spool, made of our ids only, and never used twice.
    ``provisional``, and all the rest, is noted on the switch's own channel (`facts.CaptureNote`).
    """

    capture_id: str
    leg_id: str
    path: str
    kind: Kind
    own_voice_only: bool = False
    layout: Layout = Layout.MONO
    provisional: bool = False


@dataclass(frozen=True, slots=True)
class KeepCapture:
    """Note on the switch that this capture, which was provisional, is to be kept. Has no result."""

    capture_id: str
    leg_id: str


@dataclass(frozen=True, slots=True)
class CloseCapture:
    capture_id: str
    leg_id: str
    path: str


@dataclass(frozen=True, slots=True)
class MaskCapture:
    """Write silence until unmasked; the time line goes on. Harmless when repeated."""

    capture_id: str
    leg_id: str
    path: str


@dataclass(frozen=True, slots=True)
class UnmaskCapture:
    capture_id: str
    leg_id: str
    path: str


@dataclass(frozen=True, slots=True)
class BindFeatureCodes:
    """Let the party on this leg dial codes inside the call; the far end must hear no digit."""

    leg_id: str
    codes: tuple[tuple[str, Operation], ...]


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Let this leg's party hear a sound; nobody else, and no capture that is running.

    ``file`` and ``tenant`` belong to an announcement: a sound's name on the switch (checked by
    `options`), and for whom it is. Of an announcement an AnnouncementPlayed is expected.
    """

    leg_id: str
    sound: Sound
    file: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell the switch's own bus what became of a recording (``tapeline::recording``).

    Keys and values are ours: ids, states, reasons; never a caller's text.
    """

    leg_id: str | None
    fields: tuple[tuple[str, str], ...]


CaptureCommand = OpenCapture | CloseCapture | MaskCapture | UnmaskCapture
Command = CaptureCommand | KeepCapture | BindFeatureCodes | PlaySound | Announce
