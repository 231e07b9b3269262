"""The rows that a switch is told, by the keys under which its dialplan looks them up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeVar

Row = TypeVar("Row", str, str | None)

#: Names that may stand in a key. The dialplans look up no others: see dialplan/.
_USER = re.compile(r"[A-Za-z0-9_.+-]{1,64}|\*")
_TENANT = re.compile(r"[A-Za-z0-9_.-]{1,128}")
#: So many keys are told at once; other calls' commands come in between.
AT_ONCE = 100


def speakable(table: Mapping[tuple[str, str], Row]) -> Iterator[tuple[str, str, Row]]:
    """(tenant, user, row) of those whose names a key can hold."""
    for (tenant, user), row in table.items():
        if _TENANT.fullmatch(tenant) and _USER.fullmatch(user):
            yield tenant, user, row
