"""Making bundles, and taking them apart to put them together wrongly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.proof import bundle, canonical, evidence
from controller.proof.archive import ArchiveReader, ArchiveWriter
from controller.proof.bundle_check import verify_bundle
from controller.proof.signing import MANIFEST, Signer

from .conftest import World


async def export(world: World, target: Path, *ids: str, tenant: str = "acme.test") -> Path:
    sealer = world.sealer()
    await sealer.drain()
    signer = world.keys().current
    plan = await evidence.prepare(world.catalog, sealer, signer, tenant, ids, "a test", world.now())
    await bundle.write(plan, target, world.read)
    return target


@dataclass
class Parts:
    """A bundle's files in order."""

    files: list[tuple[str, bytes]] = field(default_factory=list)

    @staticmethod
    def of(path: Path) -> Parts:
        with path.open("rb") as file:
            archive = ArchiveReader(file)
            return Parts([(m.name, b"".join(archive.blocks(m))) for m in archive.members])

    def __getitem__(self, name: str) -> bytes:
        return dict(self.files)[name]

    def __setitem__(self, name: str, raw: bytes) -> None:
        self.files = [(n, raw if n == name else r) for n, r in self.files]

    def names(self) -> list[str]:
        return [n for n, _ in self.files]

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self["chain.jsonl"].splitlines()]

    def set_lines(self, lines: list[dict[str, Any]]) -> None:
        self["chain.jsonl"] = b"".join(canonical.dumps(line) + b"\n" for line in lines)

    def sign(self, signer: Signer, change: Callable[[dict[str, Any]], None] = lambda m: None) -> None:
        """A list that fits what is there, signed by whoever this is."""
        manifest = json.loads(self["manifest.json"])
        manifest["files"] = [
            {"path": n, "sha256": hashlib.sha256(r).hexdigest(), "size": len(r)}
            for n, r in self.files
            if not n.startswith("manifest.")
        ]
        change(manifest)
        raw = canonical.dumps(manifest)
        self["manifest.json"] = raw
        signature = signer.sign(MANIFEST, hashlib.sha256(raw).digest())
        self["manifest.sig"] = canonical.dumps({"key": signer.public, "signature": signature})

    def write(self, path: Path) -> Path:
        with path.open("wb") as out:
            archive = ArchiveWriter(out)
            for name, raw in self.files:
                archive.add(name, [raw])
            archive.close()
        return path


def findings(path: Path, **options: Any) -> list[str]:
    return [str(f) for f in verify_bundle(path, **options).findings]
