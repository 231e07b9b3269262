"""A recording in another format, or a piece of it, made when somebody asks. Protocols only."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ..core.errors import TapelineError
from ..core.formats import Format
from .reading import FileRow


class CannotConvert(TapelineError):
    """Nothing here makes that format, or the file cannot be read; the text says what to do."""


class ConversionsBusy(TapelineError):
    """Too many are asked for at once; to be tried again in some seconds."""


class Converter(Protocol):
    async def converted(
        self, recording_id: str, file: FileRow, format: Format, span: tuple[int, int] | None = None
    ) -> Path:
        """The sound of this file in that format; ``span`` in ms: only this piece. Made once and kept for
        a while; made again, the bytes are the same. Raises CannotConvert, ConversionsBusy."""
