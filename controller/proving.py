"""How the chain of proof is put together out of the configuration."""

from __future__ import annotations

from .catalog.facade import SqlCatalog
from .config import Config
from .engine.ids import now
from .proof import signing
from .proof.bundle import ReadFile
from .proof.sealer import Sealer
from .working import open_stores


def make_sealer(config: Config, catalog: SqlCatalog) -> Sealer:
    settings = config.proof
    return Sealer(catalog, lambda: signing.load(settings.key_file, settings.key_command), now)


def reader_of(config: Config) -> ReadFile:
    """How to read a recording's file from wherever it lies."""
    return open_stores(config).read
