"""Under which keys a recording's files lie in the store: the spool's own paths, so that either side
can be rebuilt from the other."""

from __future__ import annotations

from pathlib import PurePosixPath

from ..core.recording import parse_segment_path
from .errors import HostileName

_PARTS = 5  # tenant / year / month / day / file


def segment_key(path: str) -> str:
    """The key of a segment with this path in the spool. Raises HostileName."""
    if parse_segment_path(path) is None:
        raise HostileName(f"{path[:200]!r} is not named like a segment")
    return "/".join(PurePosixPath(path).parts[-_PARTS:])


def mix_key(path: str) -> str:
    """Where the switch's own mix of a segment lies whose two sides were merged. Raises HostileName."""
    key = PurePosixPath(segment_key(path))
    return str(key.with_name(f"{key.stem}.mix{key.suffix}"))


def rendition_key(path: str) -> str:
    """The key of the whole recording that this segment belongs to: its name without the number."""
    parsed = parse_segment_path(path)
    if parsed is None:
        raise HostileName(f"{path[:200]!r} is not named like a segment")
    key = PurePosixPath(segment_key(path))
    return str(key.with_name(f"{parsed.recording_id}{key.suffix}"))


def transcript_key(rendition: str) -> str:
    """Where the transcript of this rendition lies."""
    return _beside(rendition, "transcript.json")


def redacted_key(rendition: str, format: str) -> str:
    """Where the rendition without what not everybody may hear lies."""
    return _beside(rendition, f"redacted.{format}")


def _beside(rendition: str, ending: str) -> str:
    key = PurePosixPath(rendition)
    return str(key.with_name(f"{key.stem}.{ending}"))


def encoded_key(rendition: str, format: str) -> str:
    """Where the rendition with this key lies in another format."""
    return str(PurePosixPath(rendition).with_suffix(f".{format}"))
