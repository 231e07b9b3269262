"""Secrets that somebody hands over in a folder: ``$CREDENTIALS_DIRECTORY/…`` in the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .storage import ConfigError

#: systemd sets it (LoadCredential=), another one for each unit; docker/ and people set it by hand.
VARIABLE = "CREDENTIALS_DIRECTORY"
_PREFIX = f"${VARIABLE}/"


def with_credentials(raw: Any, environ: Mapping[str, str]) -> Any:
    """The same with the folder put in wherever a text begins with the variable. Raises ConfigError."""
    if isinstance(raw, dict):
        return {key: with_credentials(value, environ) for key, value in raw.items()}
    if isinstance(raw, list):
        return [with_credentials(value, environ) for value in raw]
    if not isinstance(raw, str) or not raw.startswith(_PREFIX):
        return raw
    folder = environ.get(VARIABLE)
    if not folder:
        raise ConfigError(
            f"the configuration names {raw}, and the variable {VARIABLE} is not set: systemd sets it by "
            f"LoadCredential=; by hand, set it to the folder where the secrets lie"
        )
    return f"{folder}/{raw.removeprefix(_PREFIX)}"
