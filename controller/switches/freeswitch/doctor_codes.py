"""What `tapeline doctor` looks at for feature codes on a FreeSWITCH: those dialled as calls of their own.

Inside a call the controller binds the codes of the leg's own tenant, and nothing is needed of the switch.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable

from ...engine.ports import Check
from .. import tenant_codes
from . import xml_answers

Api = Callable[[str], Awaitable[str]]


async def examine_codes(api: Api, wanted: tenant_codes.Codes) -> Check:
    """Any context counts: which one a phone dials in is said by its directory entry, not by its profile."""
    dialplan = xml_answers.read(await api("xml_locate dialplan"))
    expressions = handing_over(dialplan)
    dead = [code for code in wanted if not any(_matches(e, code) for e in expressions)]
    return Check(
        "codes as calls",
        not dead,
        f"no extension hands over, so dead while the call is held: {tenant_codes.named(dead, wanted)}"
        if dead
        else f"all {len(wanted)} are handed over",
        "include dialplan/freeswitch/feature_codes.xml with them in its expression, then `reloadxml`"
        if dead
        else "",
    )


def handing_over(dialplan: ET.Element) -> list[str]:
    """The expressions of dialled numbers under which an extension tells the controller of the code."""
    return [
        condition.get("expression", "")
        for condition in dialplan.iter("condition")
        if condition.get("field") == "destination_number"
        and any(
            action.get("application") == "event" and "tapeline::feature" in action.get("data", "")
            for action in condition.iter("action")
        )
    ]


def _matches(expression: str, code: str) -> bool:
    try:
        return re.search(expression, code) is not None
    except re.error:  # PCRE knows more than Python; such a one is not ours
        return False
