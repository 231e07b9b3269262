"""Two tenants with recordings, on a real catalog (both databases), a real spool and real stores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import Database, SqlCatalog
from controller.config.storage import LocalStoreConfig, StorageConfig
from controller.core.calls import Call, Leg
from controller.core.captures import CaptureState
from controller.core.media_kinds import Kind
from controller.core.parties import Party, Side
from controller.core.recording import Pause, Recording, Segment, segment_path
from controller.core.requests import Means
from controller.core.rules import PolicyScope, Route
from controller.engine.crash_points import arm
from controller.media.erasing import Eraser
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import Stores, make_stores
from controller.proof import signing
from controller.proof.running import verify_catalog
from controller.proof.sealer import Sealer
from controller.proof.verdict import Verdict
from tests.catalog.conftest import database, empty_url, kind, postgres, server, url
from tests.media.conftest import BRIEF
from tests.media.doubles import voice, wav_bytes, write

__all__ = ["database", "empty_url", "kind", "postgres", "server", "url"]

RED, BLUE = "red.example", "blue.example"
ADA, BEN, OUTSIDE = "101", "102", "+49 30 901820"


@dataclass
class House:
    """``at`` is the time that everybody in it reads."""

    root: Path
    database: Database
    stores: Stores
    at: datetime = field(default_factory=lambda: datetime(2026, 11, 22, 12, tzinfo=UTC))
    forgotten: list[str] = field(default_factory=list)
    _ids: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.spool = self.root / "spool"
        self.spool.mkdir(exist_ok=True)
        self.catalog = SqlCatalog(self.database, self.now)
        self.pipeline = MediaPipeline(
            self.catalog, {"fs": self.spool}, self.stores.home, lambda: datetime.now(UTC),
            patience=BRIEF, stores=self.stores,
        )  # fmt: skip
        self.eraser = Eraser(self.catalog, self.stores, {"fs": self.spool}, self.now, [self.forgotten.append])

    def now(self) -> datetime:
        return self.at

    def later(self, **span: float) -> None:
        self.at += timedelta(**span)

    async def record(
        self, tenant: str = RED, *, user: str = ADA, number: str = OUTSIDE, name: str = "Zoë Outside",
        age_days: float = 0.1, queue: str = "", kind: Kind = Kind.AUDIO, other: str = "", files: bool = True,
        pause: bool = True, work: bool = True, provisional: bool = False, rule: str = "user.on",
    ) -> str:  # fmt: skip
        """A call of a user with somebody outside (or with another tenant's 201), that is over, in the
        catalog and in the store; the recording's id. ``age_days`` is counted from the recording's end."""
        n = next(self._ids)
        ended = self.at - timedelta(days=age_days)
        began = ended - timedelta(seconds=10)
        call_id, recording_id = f"call{n:05d}", f"rec{n:05d}"
        call = Call(call_id, began, answered_at=began, ended_at=ended)
        routes = (Route(PolicyScope.QUEUE, queue, tenant),) if queue else ()
        mine = Party(Side.INTERNAL, tenant, user, user, "Ada Inside")
        far = Party(Side.INTERNAL, other, "201", "201", "Carl Blue") if other else Party(
            Side.EXTERNAL, None, None, number, name
        )  # fmt: skip
        for leg_id, party, calling in ((f"{n}a", far, True), (f"{n}b", mine, False)):
            leg = Leg(leg_id, party, began, calling)
            leg.dialled, leg.answered_at, leg.ended_at = number if calling else user, began, ended
            leg.routes, leg.aliases = () if calling else routes, {f"sip-{number}"}
            call.legs[leg_id] = leg
        call.aliases = {f"alias-{number}"}
        path = segment_path(tenant, recording_id, 1, kind, began)
        segment = Segment(f"{recording_id}.1", 1, f"{n}b", "", path, kind, began, CaptureState.ENDED)
        segment.opened_at, segment.closed_at = began, ended
        recording = Recording(recording_id, call_id, tenant, kind, rule, f"user {user} on", began, ended)
        recording.provisional = provisional
        recording.segments.append(segment)
        if pause:
            recording.pauses.append(
                Pause(f"p{n}", kind, began, f"{user}@{tenant}", Means.FEATURE_CODE, began, began,
                      f"{user}@{tenant}", Means.FEATURE_CODE, began)
            )  # fmt: skip
        call.recordings.append(recording)
        if files:
            write(self.spool / path, wav_bytes(voice(800, seed=n)))
        await self.catalog.save("fs", [call], {})
        if work:
            await self.pipeline.drain()
        return recording_id

    def sealer(self) -> Sealer:
        return Sealer(self.catalog, lambda: signing.load(self.root / "proof.key"), self.now)

    async def verified(self) -> Verdict:
        """Seal what is due, end what is to be ended, and look at everything."""
        for _ in range(3):
            await self.sealer().drain()
            await self.eraser.trace_due()
        return await verify_catalog(self.catalog, self.stores.read)

    def lying(self) -> list[str]:
        """Every file in every store and in the spool, with its bytes counted."""
        found = [f"{name}:{f.key}" for name in self.stores.names for f in self.stores.shelf(name).listing()]
        spooled = [str(p.relative_to(self.spool)) for p in self.spool.rglob("*") if p.is_file()]
        return sorted(found + [f"spool:{s}" for s in spooled])


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return make_stores(
        StorageConfig(path=tmp_path / "home"),
        [LocalStoreConfig(kind="local", name="shelf", path=tmp_path / "shelf")],
    )


@pytest.fixture
def house(tmp_path: Path, database: Database, stores: Stores) -> House:
    return House(tmp_path, database, stores)


@pytest.fixture
def at_crash_point() -> Iterator[Callable[[Callable[[str], None]], None]]:
    yield arm
    arm(None)
