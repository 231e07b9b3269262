"""The secret of `web.secret_file`: sessions, webhooks' keys and what controllers tell each other go by it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .config import ConfigError


def session_secret(file: Path) -> bytes:
    """The key that signs sessions; made, for this user only, if there is none. Raises ConfigError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(os.urandom(48))
        secret = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"web.secret_file: cannot use {file}: {error.strerror}") from error
    if len(secret) < 32:
        raise ConfigError(f"web.secret_file: {file} is too short; delete it and a new one is made")
    return secret
