"""Writing an evidence bundle: audio, metadata, the chain, a report, and a signed list of them all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

from ..core.errors import TapelineError
from ..engine.chain import ChainRow
from ..engine.reading import FileRow
from . import canonical, report
from .archive import BLOCK, ArchiveWriter, Progress
from .chaincheck import Line
from .entry import BEGIN, KEY
from .signing import MANIFEST, Signer, public_pem

FORMAT: Final = "tapeline-evidence-1"
CHAIN, KEY_FILE, MANIFEST_FILE, SIGNATURE = "chain.jsonl", "public-key.pem", "manifest.json", "manifest.sig"
REPORT_TEXT, REPORT_PAGE = "report.txt", "report.html"

#: Reads a file of a recording from wherever it lies. Blocking. Raises OSError or TapelineError.
ReadFile = Callable[[FileRow], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One recording of a bundle: the facts as they were sealed last, in which entry, and the catalog's
    rows of its files, by role and number."""

    facts: dict[str, Any]
    entry: int
    hash: str
    sealed_at: str
    rows: dict[tuple[str, int], FileRow]


@dataclass(slots=True)
class Plan:
    """What goes into one bundle. ``rows`` gives the whole chain of the tenant; the contents of entries
    about ``exhibits``, and of those about keys, are shown, all others are left out."""

    tenant: str
    exhibits: Sequence[Exhibit]
    rows: Callable[[], AsyncIterator[ChainRow]]
    signer: Signer
    at: datetime
    by: str
    complaints: list[str] = field(default_factory=list)


def folder(recording_id: str) -> str:
    return f"recordings/{recording_id}"


def audio_name(recording_id: str, file: dict[str, Any]) -> str:
    """A file's name in the bundle, out of the sealed facts."""
    return f"{folder(recording_id)}/{file['role']}-{file['number']}.{file['format']}"


def shown(row: ChainRow, ids: frozenset[str]) -> Line:
    """An entry as the bundle has it."""
    line = Line.of_row(row)
    if line.content is None or row.subject in ids or line.content["kind"] in (BEGIN, KEY):
        return line
    return Line(line.header, None, line.signature)


async def write(plan: Plan, target: Path, read: ReadFile, progress: Progress = lambda n: None) -> None:
    """Make the file whole or not at all. What could not be read is in ``plan.complaints`` and the report.

    Raises ProofError, OSError.
    """
    temp = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with temp.open("xb") as out, tempfile.TemporaryFile(dir=target.resolve().parent) as chain:
            head = await _chain(plan, chain)
            _Writing(plan, out, read, progress).whole(chain, head)
            out.flush()
            os.fsync(out.fileno())
        temp.replace(target)
    finally:
        temp.unlink(missing_ok=True)


async def _chain(plan: Plan, out: BinaryIO) -> tuple[int, str]:
    ids = frozenset(e.facts["recording"] for e in plan.exhibits)
    head = (0, "")
    async for row in plan.rows():
        out.write(shown(row, ids).write() + b"\n")
        head = row.number, row.hash
    return head


class _Writing:
    def __init__(self, plan: Plan, out: BinaryIO, read: ReadFile, progress: Progress) -> None:
        self._plan = plan
        self._archive = ArchiveWriter(out)
        self._read = read
        self._progress = progress
        self._files: list[dict[str, Any]] = []

    def whole(self, chain: BinaryIO, head: tuple[int, str]) -> None:
        plan = self._plan
        for exhibit in plan.exhibits:
            self._exhibit(exhibit)
        size = chain.seek(0, os.SEEK_END)
        chain.seek(0)
        self._stream(CHAIN, iter(lambda: chain.read(BLOCK), b""), size)
        public = plan.signer.public
        text = report.text(plan, head, public)
        self._small(REPORT_TEXT, text.encode())
        self._small(REPORT_PAGE, report.page(plan, head, public).encode())
        self._small(KEY_FILE, public_pem(public).encode())
        manifest = canonical.dumps(
            {
                "chain": {"hash": head[1], "number": head[0]},
                "exported_at": canonical.time_text(plan.at),
                "exported_by": canonical.clean(plan.by),
                "files": self._files,
                "format": FORMAT,
                "recordings": [e.facts["recording"] for e in plan.exhibits],
                "tenant": plan.tenant,
            }
        )
        signature = plan.signer.sign(MANIFEST, hashlib.sha256(manifest).digest())
        self._small(MANIFEST_FILE, manifest)
        self._small(SIGNATURE, canonical.dumps({"key": public, "signature": signature}))
        self._archive.close()

    def _exhibit(self, exhibit: Exhibit) -> None:
        facts = exhibit.facts
        recording_id = facts["recording"]
        metadata = {"entry": exhibit.entry, "facts": facts, "hash": exhibit.hash}
        self._small(f"{folder(recording_id)}/metadata.json", canonical.dumps(metadata))
        for file in facts["files"]:
            name = audio_name(recording_id, file)
            row = exhibit.rows.get((file["role"], file["number"]))
            if row is None:
                self._plan.complaints.append(f"{name}: the catalog does not know the file any more")
                continue
            try:
                found = self._stream(name, self._read(row), row.size)
            except (OSError, TapelineError) as error:
                self._plan.complaints.append(f"{name}: cannot be read: {error}")
                continue
            if found != file["sha256"]:
                self._plan.complaints.append(f"{name}: it is not the file that was sealed")

    def _small(self, name: str, raw: bytes) -> None:
        self._stream(name, iter([raw]), len(raw))

    def _stream(self, name: str, source: Iterator[bytes], expected: int) -> str:
        hasher = hashlib.sha256()

        def blocks() -> Iterator[bytes]:
            for block in source:
                hasher.update(block)
                self._progress(len(block))
                yield block

        size = self._archive.add(name, blocks(), expected)
        self._note(name, size, hasher.hexdigest())
        return hasher.hexdigest()

    def _note(self, name: str, size: int, sha256: str) -> None:
        if name not in (MANIFEST_FILE, SIGNATURE):
            self._files.append({"path": name, "sha256": sha256, "size": size})
