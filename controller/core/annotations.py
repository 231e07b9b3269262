"""Tags and notes that people put on recordings: what may be in them."""

from __future__ import annotations

import unicodedata

from .errors import InvalidPolicy

MOST_TAGS, MOST_NOTES = 20, 100
LONGEST_TAG, LONGEST_NOTE = 50, 2000
#: No recording is longer than a week.
LONGEST_MS = 7 * 24 * 3_600_000


def tag_of(text: str) -> str:
    """A tag as it is kept: composed, without case, one space between words. Raises InvalidPolicy."""
    tag = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not 1 <= len(tag) <= LONGEST_TAG:
        raise InvalidPolicy(f"tag: 1 to {LONGEST_TAG} characters")
    if any(not c.isprintable() for c in tag) or set(tag) & set(",/\\"):
        raise InvalidPolicy("tag: letters, digits and signs, but no comma, slash or control character")
    return tag


def position_of(ms: int | None) -> int | None:
    """Where in a recording a note is; None: about all of it. Raises InvalidPolicy."""
    if ms is not None and not 0 <= ms <= LONGEST_MS:
        raise InvalidPolicy(f"position_ms: 0 to {LONGEST_MS} milliseconds from the recording's beginning")
    return ms


def note_of(text: str) -> str:
    """A note as it is kept: without control characters but line ends. Raises InvalidPolicy."""
    lines = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")
    kept = "".join(c for c in lines if c == "\n" or c.isprintable()).strip()
    if not 1 <= len(kept) <= LONGEST_NOTE:
        raise InvalidPolicy(f"note: 1 to {LONGEST_NOTE} characters")
    return kept
