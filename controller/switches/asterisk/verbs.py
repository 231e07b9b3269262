"""The words of MixMonitor: options, variables and console output. Built from our own ids only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...core.recording import parse_segment_path

#: What phones may dial, as features.conf names it.
FEATURES = (
    "tapeline-pause", "tapeline-resume", "tapeline-start", "tapeline-stop", "tapeline-record-on",
    "tapeline-record-off",
)  # fmt: skip

#: For [tapeline-alone] of dialplan/asterisk/extensions.conf: the MixMonitor ids of a channel's captures, the
#: first and the second, and that they are silent.
MONITOR, PAUSED = "TAPELINE_MONITOR_", "TAPELINE_PAUSED"

_CAPTURE_ID = re.compile(r"[0-9A-Za-z]{1,40}\.[0-9]{1,6}")
_FILE = re.compile(r"[A-Za-z0-9_./=-]+")


@dataclass(frozen=True, slots=True)
class Monitor:
    """One line of ``mixmonitor list``."""

    monitor_id: str
    file: str

    @property
    def capture_id(self) -> str | None:
        """Whose it is, by its path; None if it is not ours."""
        parsed = parse_segment_path(self.file)
        return parsed.capture_id if parsed else None


def id_variable(capture_id: str) -> str:
    """The channel variable in which MixMonitor leaves its id."""
    return "TAPELINE_ID_" + _plain(capture_id)


def mask_variable(capture_id: str) -> str:
    """The channel variable that says whether a capture is masked; it outlives our process."""
    return "TAPELINE_MASK_" + _plain(capture_id)


def note_variable(capture_id: str) -> str:
    """What the capture is, for whoever finds it without its row (see `switches.notes`)."""
    return "TAPELINE_CAPTURE_" + _plain(capture_id)


def kept_variable(capture_id: str) -> str:
    """Set once somebody has started what was provisional."""
    return "TAPELINE_KEPT_" + _plain(capture_id)


def is_safe_file(path: str) -> bool:
    """Whether a path may go into MixMonitor, which splits its arguments at commas."""
    return _FILE.fullmatch(path) is not None


def monitors(lines: Iterable[str]) -> Iterator[Monitor]:
    """What ``mixmonitor list CHANNEL`` has printed: tab-separated, after a heading and a rule.

    Asterisk takes the ending off the file it mixes into; ours is put back.
    """
    for line in lines:
        fields = line.split("\t")
        if len(fields) >= 2 and fields[0].startswith("0x"):
            # A capture of one side alone has no file in the first column.
            file = next((field.strip() for field in fields[1:] if field.strip()), "")
            if file and not file.endswith((".wav", ".mp4")):
                file += ".wav"
            yield Monitor(fields[0].strip(), file)


def _plain(capture_id: str) -> str:
    if not _CAPTURE_ID.fullmatch(capture_id):
        raise ValueError(f"{capture_id!r} is no capture id")
    return capture_id.replace(".", "_")
