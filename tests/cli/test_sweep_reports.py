"""``tapeline sweep --reports`` puts right what the reports' kept sums say."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy import update

from controller.catalog import SqlCatalog
from controller.catalog import tables as t
from controller.engine.reading import Scope
from controller.engine.report_keeper import ReportKeeper
from tests.catalog.story import BEGIN, Story, inside, outside

from .conftest import Tapeline

ALL = Scope(None)


async def calls(catalog: SqlCatalog) -> int:
    return (await catalog.report_totals(ALL, BEGIN - timedelta(days=1), BEGIN + timedelta(days=1))).calls


async def spoiled(catalog: SqlCatalog) -> int:
    story = Story()
    story.talk("a", inside("101"), "b", outside("+49"))
    await story.save(catalog)
    await ReportKeeper(catalog, breath_s=0).round()
    async with catalog.database.writing() as connection:
        await connection.execute(update(t.report_sums).values(calls=7))
    return await calls(catalog)


def test_sums_that_are_wrong_are_counted_anew(tapeline: Tapeline, tmp_path: Path) -> None:
    tapeline.environ["TAPELINE_STORAGE__PATH"] = f"{tmp_path}/store"
    assert tapeline.within(spoiled) == 7
    tapeline.run("sweep", "--reports", "--dry-run")
    assert tapeline.within(calls) == 7, "a dry run changes nothing"
    tapeline.run("sweep")
    assert tapeline.within(calls) == 7, "only who asks has everything counted"
    tapeline.run("sweep", "--reports")
    assert tapeline.within(calls) == 1
    entries = tapeline.within(lambda catalog: catalog.audit_entries(ALL))
    assert [(e.action, e.subject) for e in entries] == [("sweep", "reports")]
