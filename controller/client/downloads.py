"""A download that goes on where it broke off: what both clients know of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .calling import at

#: Told after each block: bytes so far, bytes in all (None: the server does not say).
Progress = Callable[[int, int | None], None]
_NAME = re.compile(r'filename="([A-Za-z0-9._-]+)"')
_TOTAL = re.compile(r"bytes \d+-\d+/(\d+)")


@dataclass(slots=True)
class Download:
    """One file on its way; ``target`` may be a folder, then the server names the file."""

    path: str
    params: Mapping[str, Any]
    target: Path
    done: int = 0
    total: int | None = None
    etag: str = ""
    name: str = ""

    @classmethod
    def recording(
        cls, recording_id: str, target: Path, format: str | None, span: tuple[int, int | None] | None
    ) -> Download:
        what = "download" if span is None else "clip"
        params: dict[str, Any] = {"format": format}
        if span is not None:
            params |= {"from_ms": span[0], "to_ms": span[1]}
        return cls(at("recordings", recording_id, what), params, target)

    @property
    def part(self) -> Path:
        """Where it is put until it is whole."""
        place = self.file
        return place.with_name(f".{place.name}.part")

    @property
    def file(self) -> Path:
        return self.target / self.name if self.target.is_dir() else self.target

    def headers(self) -> dict[str, str]:
        if not self.done:
            return {}
        return {"Range": f"bytes={self.done}-", "If-Range": self.etag}

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """An answer has come; 200 is the whole again."""
        named = _NAME.search(headers.get("content-disposition", ""))
        self.name = named[1] if named else "recording"
        if status == 200:
            self.done = 0
            length = headers.get("content-length", "")
            self.total = int(length) if length.isdigit() else None
            self.etag = headers.get("etag", "")
            return
        whole = _TOTAL.fullmatch(headers.get("content-range", ""))
        self.total = int(whole[1]) if whole else self.total

    @property
    def whole(self) -> bool:
        return self.total is None or self.done == self.total
