"""What the reference says of spans is what they are."""

from __future__ import annotations

import re

from controller.engine.tracing import Attributes
from controller.traces.otlp import _named
from tests.docs.documents import DOCS, PROJECT, calls, pattern, table_after

from .test_whole import ALLOWED

TRACES = (DOCS / "reference/traces.md").read_text(encoding="utf-8")


def test_every_attribute_is_documented_as_it_is_sent() -> None:
    rows = [(row[0].strip("`"), row[1].strip("`")) for row in table_after(TRACES, "## Attributes")]
    assert [name for name, _ in rows] == list(Attributes.__annotations__)
    for name, sent in rows:
        given = {name: 1 if Attributes.__annotations__[name] in (int, "int") else "x"}
        assert list(_named(given)) == [sent]  # type: ignore[arg-type]
    # The whole run's test knows what each of them may say.
    assert {sent for _, sent in rows} | {"error.type"} == set(ALLOWED)


def test_every_span_is_documented_with_all_that_it_says() -> None:
    table = table_after(TRACES, "## Spans")
    documented = {frozenset(re.findall(r"`(\w+)`", row[3])) for row in table}
    kinds, found = {row[1] for row in table}, set()
    for path in sorted((PROJECT / "controller").rglob("*.py")):
        for call, tree in calls(path, "span"):
            if path.parts[-2] in ("traces",) or path.name == "tracing.py":
                continue
            given = {k.arg for k in call.keywords} - {"kind", "within"}
            noted = [n for n, _ in calls(path, "note") if {k.arg for k in n.keywords} - {None}]
            given |= {k.arg for n in noted for k in n.keywords if k.arg in Attributes.__annotations__}
            found.add(frozenset(given))
            kind = next((pattern(k.value, tree) for k in call.keywords if k.arg == "kind"), "internal")
            assert kind in kinds, path
    assert found == documented
