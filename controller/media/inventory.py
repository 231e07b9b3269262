"""What lies in a store, as a list on the disk: a million files take the memory of one page."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from .store import Found

_AT_ONCE = 500


class Inventory:
    """Filled once with `add`, then asked. Blocking; used from one thread at a time; removed at the end."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="tapeline-sweep-", dir=folder)
        self._list = sqlite3.connect(Path(self._folder.name) / "list", check_same_thread=False)
        self._list.execute("PRAGMA journal_mode=OFF")
        self._list.execute("PRAGMA synchronous=OFF")
        self._list.execute("PRAGMA cache_size=-8000")
        self._list.execute(
            "CREATE TABLE files (key TEXT PRIMARY KEY, size INTEGER, modified REAL, known INTEGER DEFAULT 0) "
            "WITHOUT ROWID"
        )
        self.count = 0

    def __enter__(self) -> Inventory:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._list.close()
        self._folder.cleanup()

    def add(self, found: Iterable[Found]) -> None:
        page: list[tuple[str, int, float]] = []
        for one in found:
            page.append((one.key, one.size, one.modified))
            if len(page) >= _AT_ONCE:
                self._write(page)
                page = []
        self._write(page)
        self._list.commit()

    def _write(self, page: Sequence[tuple[str, int, float]]) -> None:
        self._list.executemany("INSERT OR REPLACE INTO files (key, size, modified) VALUES (?, ?, ?)", page)
        self.count += len(page)

    def sizes(self, keys: Sequence[str]) -> dict[str, int]:
        """Of those that were there when the list was made; they count as known from now on."""
        found: dict[str, int] = {}
        for start in range(0, len(keys), _AT_ONCE):
            some = keys[start : start + _AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"UPDATE files SET known = 1 WHERE key IN ({marks}) RETURNING key, size"  # noqa: S608
            found.update(self._list.execute(query, some).fetchall())
        return found

    def know_like(self, key: str) -> None:
        """This key, and it with something behind it: copies of a file that are sealed otherwise."""
        # "/" follows "." in ASCII: all that begins with the key and a dot.
        self._list.execute(
            "UPDATE files SET known = 1 WHERE key = ? OR (key >= ? AND key < ?)", (key, key + ".", key + "/")
        )

    def unknown(self) -> Iterator[tuple[str, float]]:
        """(key, when it was put there) of those that nobody has asked for."""
        yield from self._list.execute("SELECT key, modified FROM files WHERE known = 0 ORDER BY key")
