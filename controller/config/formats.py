"""The configuration's part about encoding: ``[formats]``."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from ..core.formats import Format
from .storage import Section


class FormatsConfig(Section):
    """What recordings are encoded as: see [formats](formats.md)."""

    default: Format = Field(
        Format.WAV, description="The format of every tenant that has not chosen one of its own."
    )
    encoders: int = Field(
        1, ge=1, le=64, description="So many recordings are encoded at once after their calls."
    )
    conversions: int = Field(
        2, ge=1, le=64, description="So many downloads in another format are converted at once."
    )
    cache: Path = Field(
        Path("data/formats-cache"), description="The folder of recordings that were converted on demand."
    )
    cache_mb: int = Field(
        2048,
        ge=16,
        le=10_000_000,
        description="How large it may grow; what was used least lately goes first.",
    )
