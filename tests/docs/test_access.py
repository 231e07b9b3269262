"""The reference of access is the table that the gate works by."""

from __future__ import annotations

from controller.core.roles import GRANTS, MEANING, Permission, Role

from .documents import DOCS, table_after

ACCESS = (DOCS / "reference/access.md").read_text(encoding="utf-8")


def test_the_table_of_roles_is_the_gates_own() -> None:
    rows = table_after(ACCESS, "## Roles and permissions")
    shown = {row[0].strip("`"): row[1:] for row in rows}
    assert list(shown) == list(Permission)
    for permission in Permission:
        marks = ["✓" if permission in GRANTS[role] else "–" for role in Role]
        assert shown[permission] == [MEANING[permission], *marks], permission
    heading = next(line for line in ACCESS.splitlines() if line.startswith("| Permission"))
    assert [h.strip() for h in heading.strip("|").split("|")][2:] == [r.replace("_", " ") for r in Role]
