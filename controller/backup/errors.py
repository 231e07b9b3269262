"""What is wrong with a backup, or with where it is to go."""

from __future__ import annotations

from ..core.errors import TapelineError


class BackupError(TapelineError):
    """It cannot be made, or must not be restored; the text names the file and says what to do."""
