"""The audit as the tenant reads and exports it."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from controller.engine.reading import AuditEntry
from controller.web.audit_export import PAGE, harmless

from .world import World

NASTY = ("=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\tx", 'quote " and, comma', "line\nend")


async def fill(world: World, count: int) -> None:
    for n in range(count):
        at = world.story.at + timedelta(minutes=n)
        entry = AuditEntry(
            at, f"who{n % 3}", "red.example", "listen", NASTY[n % len(NASTY)], f"n{n}", "10.0.0.1"
        )
        await world.catalog.audit(entry)
    await world.catalog.audit(
        AuditEntry(world.story.at, "blue-admin", "blue.example", "listen", "secret", "", "")
    )


async def test_an_export_holds_every_line_once_and_no_formula(world: World) -> None:
    count = PAGE + 7
    await fill(world, count)
    async with world.client("red-officer") as officer:
        answer = await officer.get("/api/v1/audit/export", params={"action": "listen"})
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert answer.headers["content-disposition"].startswith("attachment")
        head, *rows = csv.reader(io.StringIO(answer.text, newline=""))
        lines = await officer.get("/api/v1/audit/export", params={"action": "listen", "format": "jsonl"})
    assert head == ["number", "at", "account", "tenant", "action", "subject", "detail", "address"]
    assert [row[6] for row in rows] == [f"n{n}" for n in reversed(range(count))]
    assert not [cell for row in rows for cell in row if cell[:1] in ("=", "+", "-", "@", "\t")]
    found = [json.loads(line) for line in lines.text.splitlines()]
    assert [entry["detail"] for entry in found] == [row[6] for row in rows]
    assert {entry["subject"] for entry in found} == set(NASTY)
    assert "secret" not in answer.text + lines.text


async def test_the_list_is_filtered_and_paged_by_key(world: World) -> None:
    await fill(world, 10)
    async with world.client("red-admin") as admin:
        first = (await admin.get("/api/v1/audit", params={"account": "WHO1", "limit": 2})).json()["items"]
        assert [e["detail"] for e in first] == ["n7", "n4"]
        before = {"account": "who1", "before": first[-1]["number"]}
        assert [e["detail"] for e in (await admin.get("/api/v1/audit", params=before)).json()["items"]] == [
            "n1"
        ]
        since = (world.story.at + timedelta(minutes=8)).isoformat()
        assert len((await admin.get("/api/v1/audit", params={"since": since})).json()["items"]) == 2
    async with world.browser("red-admin") as admin:
        page = (await admin.get("/audit", params={"account": "who2", "action": "listen"})).text
        assert "n8" in page
        assert ">n7<" not in page
        assert (
            await admin.get("/audit", params={"before": "nonsense", "since": "nonsense"})
        ).status_code == 200
        log = (await admin.get("/api/v1/audit", params={"action": "audit export"})).json()["items"]
        assert log == []


@pytest.mark.parametrize("text", ["", "plain", "a=b", "'quoted"])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text
