"""``tapeline redact``."""

from __future__ import annotations

from controller.catalog import SqlCatalog
from controller.core.rules import Setting
from controller.engine.media_ports import MediaState
from controller.engine.reading import Scope, TenantSettings
from tests.jobs.world import TENANT, ended_call

from .conftest import Tapeline


def test_a_span_is_chosen(tapeline: Tapeline) -> None:
    async def make(catalog: SqlCatalog) -> None:
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON))
        await catalog.save("fs", [ended_call("r1", (0, 10))], {})
        await catalog.set_media_state("r1", MediaState.AVAILABLE, duration_ms=10_000)

    tapeline.within(make)
    line = ("redact", "--from", "0:02.5", "--to", "3", "--why", "a name", "--tenant")
    assert "2500 to 3000 ms are taken out" in tapeline.run(*line, TENANT, "r1")
    assert "no recording r9" in tapeline.refused(*line, TENANT, "r9")
    assert "no recording r1" in tapeline.refused(*line, "other.example", "r1")
    assert "--to: want seconds" in tapeline.refused(
        "redact", "r1", "--from", "1", "--to", "x", "--why", "y", "--tenant", TENANT
    )

    async def look(catalog: SqlCatalog) -> None:
        (span,) = await catalog.chosen_spans(Scope(TENANT), "r1") or []
        assert (span.from_ms, span.to_ms, span.why, span.done) == (2500, 3000, "a name", False)
        assert await catalog.redactions_due() == ["r1"]

    tapeline.within(look)
    back = ("redact", "--from", "0:02.5", "--take-back", "--tenant")
    assert "no such span is taken out of r1; there are: 2.5 to 3" in tapeline.refused(
        *back, TENANT, "--to", "4", "r1"
    )
    assert "no recording r1" in tapeline.refused(*back, "other.example", "--to", "3", "r1")
    assert "--why" in tapeline.refused(*back, TENANT, "--to", "3", "--why", "x", "r1")
    assert "2500 to 3000 ms are heard again" in tapeline.run(*back, TENANT, "--to", "3", "r1")
    assert "no such span" in tapeline.refused(*back, TENANT, "--to", "3", "r1")

    async def again(catalog: SqlCatalog) -> None:
        (span,) = await catalog.chosen_spans(Scope(TENANT), "r1") or []
        assert span.taken_back_by
        assert span.taken_back_at is not None

    tapeline.within(again)
