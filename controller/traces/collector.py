"""The collector of traces: one POST, with limits on time and size."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

#: Each step of it (connecting, sending, the answer's next bytes) may take so long.
STEP_S = 5.0
_MOST_READ = 65_536
#: To be sent again later (OTLP 1.9, "Retryable Response Codes").
_LATER = frozenset({429, 502, 503, 504})


class Refused(Exception):
    """It does not want this, and will not want it later."""


class Away(Exception):
    """It cannot be reached, or says to come again later."""


class Collector:
    """``endpoint``: as the configuration has it, with or without the path ``/v1/traces``."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(endpoint)
        secure = parts.scheme == "https"
        self._make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._host, self._port = parts.hostname or "", parts.port or (443 if secure else 80)
        path = parts.path.rstrip("/")
        self._path = path if path.endswith("/v1/traces") else f"{path}/v1/traces"
        self._headers = {**headers, "content-type": "application/x-protobuf"}

    def post(self, body: bytes) -> None:
        """Blocking. No proxy of the environment and no redirect is followed: the headers hold a secret.
        Raises Refused, Away."""
        connection = self._make(self._host, self._port, timeout=STEP_S)
        try:
            connection.request("POST", self._path, body, self._headers)
            answer = connection.getresponse()
            answer.read(_MOST_READ)
        except (OSError, http.client.HTTPException) as error:
            raise Away(f"{type(error).__name__}: {error}"[:200]) from error
        finally:
            connection.close()
        if answer.status in _LATER:
            raise Away(f"it answered {answer.status}")
        if not 200 <= answer.status < 300:
            raise Refused(f"it answered {answer.status}")
