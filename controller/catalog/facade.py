"""The catalog as one object, for `bootstrap` to hand around."""

from __future__ import annotations

from ..engine.chain import ChainStore, ProofReader
from ..engine.erasing import ErasingCatalog, PersonStore, TrashStore
from ..engine.hooks import HookQueue, HookStore
from ..engine.jobs import JobReader, JobStore
from ..engine.listing import ListStore
from ..engine.media_ports import EncodingCatalog, MediaCatalog
from ..engine.ports import Catalog
from ..engine.reading import AccountStore, CatalogReader, SettingsStore
from ..engine.redacting import RedactingCatalog, RedactingStore
from ..engine.replays import ReplayStore
from ..engine.reports import ReportReader, ReportSums
from ..engine.retention import AnnotationStore, RetentionStore
from ..engine.shelving import SealingCatalog, ShelvingCatalog
from ..engine.transcribing import TranscriptStore
from .alarms import AlarmRows
from .annotating import Annotating
from .batches import BatchRows
from .chain import Chain
from .disk_rows import DiskRows
from .erasing import Erasing
from .holding import Holding
from .hook_queue import HookQueueRows
from .hooks import Hooks
from .job_views import JobViews
from .lists import ListRows
from .past import PastRows
from .people import People
from .persons import Persons
from .policies import Policies
from .queries import Queries
from .replays import Replays
from .reports import Reports
from .repository import CallRepository
from .retaining import Retaining
from .rollups import Rollups
from .settings import Settings
from .sounds import Sounds
from .trash import TrashRows
from .work import WorkCatalog


class RetentionCatalog(Erasing, TrashRows, Retaining, Holding, Annotating, Persons):
    """ErasingCatalog, TrashStore, RetentionStore, AnnotationStore and PersonStore."""


class SqlCatalog(
    WorkCatalog,
    CallRepository,
    Policies,
    JobViews,
    Queries,
    Sounds,
    Reports,
    Rollups,
    ListRows,
    BatchRows,
    DiskRows,
    AlarmRows,
    PastRows,
    Settings,
    People,
    Chain,
    RetentionCatalog,
    Hooks,
    HookQueueRows,
    Replays,
):
    """Catalog, MediaCatalog, CatalogReader, SettingsStore, AccountStore, ChainStore, ProofReader,
    ShelvingCatalog, SealingCatalog, JobStore, JobReader, TranscriptStore, EncodingCatalog,
    HookStore, HookQueue, ReplayStore, and what a RetentionCatalog is, over one database."""


def _contracts(
    catalog: SqlCatalog,
) -> tuple[
    Catalog,
    MediaCatalog,
    CatalogReader,
    SettingsStore,
    AccountStore,
    ChainStore,
    ProofReader,
    ShelvingCatalog,
    SealingCatalog,
    ErasingCatalog,
    TrashStore,
    JobStore,
    JobReader,
    TranscriptStore,
    EncodingCatalog,
    RetentionStore,
    AnnotationStore,
    PersonStore,
    HookStore,
    HookQueue,
    ReportReader,
    ReportSums,
    ListStore,
    ReplayStore,
    RedactingCatalog,
    RedactingStore,
]:
    """Never called: it makes the type checker compare every signature with the protocols."""
    return (catalog,) * 26
