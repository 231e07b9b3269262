"""The configuration's part about traces: ``[traces]``."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from .storage import ConfigError, Section

_PLAIN = re.compile(r"[!-~]+")
_NAME = re.compile(r"[A-Za-z0-9-]{1,100}")
#: Those of the request itself.
_OURS = frozenset({"content-type", "content-length", "transfer-encoding", "host", "connection"})


class TracesConfig(Section):
    """Where the time goes: see [traces](traces.md). Needs the extra `traces`."""

    endpoint: str = Field(
        "",
        description="Where a collector takes traces (OTLP over HTTP), such as `http://127.0.0.1:4318`; "
        "empty: there are none.",
    )
    share: float = Field(
        1.0, ge=0, le=1, description="Which share of the traces is kept, 0.01 for one in a hundred."
    )
    headers_file: Path | None = Field(
        None,
        description="A file with headers that are sent along, one a line, `Name: value`: a token, say.",
    )
    continue_from: tuple[str, ...] = Field(
        (),
        description="Networks whose requests may go on with a trace of their own (the header `traceparent`), "
        'such as `"10.1.0.0/16"`; that of anybody else is not looked at.',
    )

    @field_validator("endpoint")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or not _PLAIN.fullmatch(value):
            raise ValueError("give the collector's address, http://HOST:PORT or https://HOST:PORT")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a name and a password have no place here; put them in headers_file")
        if parts.query or parts.fragment:
            raise ValueError("no ? and no # in it")
        try:
            parts.hostname.encode("idna")  # as whoever looks for its address does
        except UnicodeError as error:
            raise ValueError("its host cannot be the name of one") from error
        if parts.port == 0:  # it raises ValueError itself for one that is no number, or above 65535
            raise ValueError("nobody is at port 0")
        return value

    @field_validator("continue_from")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value

    def headers(self) -> dict[str, str]:
        """Those of the file. Raises ConfigError if it cannot be read, or holds anything else; what it holds
        is never said."""
        if self.headers_file is None:
            return {}
        where = f"traces.headers_file: {self.headers_file}"
        try:
            lines = self.headers_file.read_text(encoding="ascii").splitlines()
        except OSError as error:
            raise ConfigError(
                f"traces.headers_file: cannot read {self.headers_file}: {error.strerror}"
            ) from error
        except UnicodeDecodeError as error:
            raise ConfigError(f"{where} holds more than ASCII") from error
        found = {}
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            name, colon, value = (part.strip() for part in line.partition(":"))
            if not colon or not _NAME.fullmatch(name) or not value.isprintable() or not value:
                raise ConfigError(f"{where}, line {number}: write each header as Name: value")
            if name.lower() in _OURS:
                raise ConfigError(f"{where}, line {number}: {name} is not yours to set")
            found[name] = value
        return found


def anchored_traces(traces: TracesConfig, folder: Path) -> TracesConfig:
    """The same with its relative path made absolute."""
    file = traces.headers_file
    return traces.model_copy(update={"headers_file": folder / file}) if file else traces
