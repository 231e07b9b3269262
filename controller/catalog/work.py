"""The catalog as those see it who work on recordings: no accounts, no lists, no reports. A worker's process
has nothing else, and so stays small."""

from __future__ import annotations

from datetime import UTC, datetime

from ..engine.jobs import JobStore
from ..engine.media_ports import EncodingCatalog
from ..engine.redacting import RedactingCatalog
from ..engine.shelving import StoringCatalog
from .database import Database
from .discarding import Discarding
from .encoding_rows import EncodingRows
from .jobs import JobRows
from .media_rows import MediaRows
from .redacting import RedactingRows
from .sealed_rows import SealedRows
from .stored_rows import StoredRows
from .transcripts import TranscriptRows
from .writing import Clock


def utc_now() -> datetime:
    return datetime.now(UTC)


class WorkCatalog(
    MediaRows, Discarding, EncodingRows, StoredRows, SealedRows, JobRows, TranscriptRows, RedactingRows
):
    """StoringCatalog, EncodingCatalog, JobStore and RedactingCatalog over one database."""

    def __init__(self, database: Database, now: Clock = utc_now) -> None:
        super().__init__(database, now)
        self.database = database

    async def close(self) -> None:
        await self.database.close()


def _contracts(catalog: WorkCatalog) -> tuple[StoringCatalog, EncodingCatalog, JobStore, RedactingCatalog]:
    """Never called: it makes the type checker compare every signature with the protocols."""
    return (catalog,) * 4
