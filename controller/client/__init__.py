"""A typed client of the REST API, for other programs: docs/reference/client.md.

    from controller.client import Client, requests

    with Client("https://rec.example.org", token) as client:
        for row in client.every(requests.recordings(party="101")):
            client.download(row.recording_id, Path("/srv/export"))

It knows nothing of the rest of the package and needs none of it to run.
"""

from __future__ import annotations

from . import models, requests
from .blocking import Client
from .calling import Ask, Retry
from .errors import (
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    Refused,
    TapelineApiError,
    Unreachable,
)
from .requests import Page
from .waiting import AsyncClient
from .webhooks import BadSignature, verify

__all__ = [
    "Ask",
    "AsyncClient",
    "BadSignature",
    "Client",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NotFound",
    "NotSignedIn",
    "Page",
    "Refused",
    "Retry",
    "TapelineApiError",
    "Unreachable",
    "models",
    "requests",
    "verify",
]
