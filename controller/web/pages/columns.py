"""Which columns an account sees in a list, chosen on the page and kept."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ...engine.reading import Account
from ..problems import Problem
from ..services import Services
from .forms import Sheet


async def chosen(
    parts: Services, me: Account, name: str, columns: Collection[str], usual: Sequence[str]
) -> list[str]:
    """In the order of the list's own ``columns``."""
    stored = await parts.lists.list_columns(me.account_id, name) if parts.lists else None
    return [c for c in columns if c in (stored if stored is not None else usual)]


async def choose(parts: Services, me: Account, name: str, columns: Collection[str], sheet: Sheet) -> None:
    """As the form has it. Raises Problem 422 for a column that there is not, 503 where nothing is kept."""
    wanted = sheet.many("column")
    if not sheet.one("chosen") or not set(wanted) <= set(columns):
        raise Problem(422, "column: one of " + ", ".join(columns) + ".")
    if parts.lists is None:
        raise Problem(503, "This server keeps no columns.")
    await parts.lists.set_list_columns(me.account_id, name, [c for c in columns if c in wanted])
