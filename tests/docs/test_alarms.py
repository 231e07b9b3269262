"""Every alarm has an entry in the run-book, and the page that an alarm leads to holds it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from controller.web.pages.runbook import runbook

from .documents import DOCS, PROJECT, calls, table_after

RUNBOOK = (DOCS / "how-to/alarms.md").read_text(encoding="utf-8")
CODE = re.compile(r"[a-z]+\.[a-z]+")


def raised() -> Iterator[str]:
    """The code of every ``Alarm(code, …)`` in the source; of one of two, both."""
    for path in sorted((PROJECT / "controller").rglob("*.py")):
        for call, _ in calls(path, "Alarm"):
            codes = [
                node.value
                for node in ast.walk(call.args[0])
                if isinstance(node, ast.Constant) and CODE.fullmatch(str(node.value))
            ]
            assert codes, f"{path}:{call.lineno}: an alarm whose code is no literal"
            yield from map(str, codes)


def test_every_alarm_has_an_entry_and_every_entry_an_alarm() -> None:
    codes = set(raised())
    assert len(codes) > 8
    assert set(re.findall(r"^## `(.+)`$", RUNBOOK, re.MULTILINE)) == codes
    trouble = (DOCS / "how-to/troubleshooting.md").read_text(encoding="utf-8")
    rows = table_after(trouble, "## The bar on top of every page")
    assert {code for row in rows for code in re.findall(r"`([a-z.]+)`", row[0])} == codes


@pytest.mark.parametrize("code", sorted(set(raised())))
def test_an_entry_says_what_it_is_what_to_look_at_and_how_to_mend_it(code: str) -> None:
    text = RUNBOOK.partition(f"## `{code}`\n")[2].partition("\n## ")[0]
    assert text.strip().startswith(("Critical", "Warning"))
    if code != "disk.full":  # which is disk.high, and later
        assert "**Look at**" in text
    assert "**Mend**" in text or code == "disk.full"


def test_the_page_holds_every_entry_and_nothing_that_leads_nowhere() -> None:
    lead, entries = runbook()
    assert {entry.code for entry in entries} == set(raised())
    for html in (lead, *(entry.text for entry in entries)):
        assert "<p>" in html
        assert "href" not in html
        assert "](" not in html
