"""Ids and time, the two things that the core takes as arguments."""

from __future__ import annotations

from datetime import UTC, datetime

from ulid import ULID


def new_id() -> str:
    """26 letters and digits, unguessable, in order of time."""
    return str(ULID()).lower()


def now() -> datetime:
    return datetime.now(UTC)
