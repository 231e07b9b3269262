"""What `tapeline doctor` looks at for feature codes on an Asterisk, which has to know each of every tenant's.

One ``applicationmap`` serves all tenants. A code that is not in it is sound for the other party and nothing
else, and nothing says so: neither Asterisk nor the controller ever hears of it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable

from ...engine.ports import Check
from ..tenant_codes import Codes, clashes, named
from .verbs import FEATURES

Cli = Callable[[str], Awaitable[list[str]]]

README = "dialplan/asterisk/README.md"
#: A line of ``features show``: name, "no def" (an applicationmap has no defaults), code.
_MAPPED = re.compile(r"(\S+)\s+no def\s+(\S+)\s*")

_CONTEXT = re.compile(r"\[ (?:Included )?[Cc]ontext '([^']*)'")
_MENU = re.compile(r"[A-Za-z0-9_.-]{1,80}")
#: A line of ``confbridge show menu``: code, what it does.
_ENTRY = re.compile(r"([*#]\d{1,6})=.*dialplan_exec\(tapeline-conference,")
#: What the applicationmap calls; nobody dials in there.
_INSIDE_CALLS = ("tapeline-feature", "tapeline-dialled", "tapeline-conference")


async def examine_codes(cli: Cli, wanted: Codes) -> list[Check]:
    """``wanted``: what the tenants' options say; `core.feature_codes` let nothing else in than * or # and
    digits, so that each is one word of the console."""
    known = mapped(await cli("features show"))
    checks = [_names(known), _missing(set(known.values()), wanted), _apart(set(known.values()), wanted)]
    context = await cli("dialplan show tapeline-codes")
    if any("Context 'tapeline-codes'" in line for line in context):  # its lack is a finding of its own
        dead = [
            code
            for code in wanted
            if not _told(await cli(f"dialplan show {code}@"))  # in every context: the operator's own counts
        ]
        checks.append(_as_calls(dead, wanted))
    return [*checks, *await _in_rooms(cli, wanted)]


def mapped(lines: Iterable[str]) -> dict[str, str]:
    """The applicationmap in what ``features show`` prints: name → code."""
    found, inside = {}, False
    for line in lines:
        if line.startswith(("Dynamic Feature", "Feature Groups")):
            inside = line.startswith("Dynamic")
        match = _MAPPED.fullmatch(line)
        if inside and match:
            found[match[1]] = match[2]
    return found


def _names(known: dict[str, str]) -> Check:
    missing = [name for name in FEATURES if name not in known]
    return Check(
        "feature codes",
        not missing,
        f"not in the applicationmap: {', '.join(missing)}" if missing else "in the applicationmap",
        f"include features.conf as {README} says, then: asterisk -rx 'module reload features'"
        if missing
        else "",
    )


def _missing(known: set[str], wanted: Codes) -> Check:
    dead = wanted.keys() - known
    return Check(
        "tenants' codes",
        not dead,
        f"not in the applicationmap, so dead inside a call: {named(dead, wanted)}"
        if dead
        else f"all {len(wanted)} in the applicationmap",
        "add a line for each to features.conf and its name to DYNAMIC_FEATURES of those tenants' endpoints, "
        "then: asterisk -rx 'module reload features'"
        if dead
        else "",
    )


def _apart(known: set[str], wanted: Codes) -> Check:
    """Tenants are held to codes that can be told apart, each for itself; the map is everybody's. A code that
    no tenant has counts as well: it fires just as early."""
    found = [(a, b) for a, b in clashes({*known, *wanted}) if b in wanted]
    pairs = "; ".join(f"{named([a], wanted)} → {named([b], wanted)}" for a, b in found[:5])
    return Check(
        "codes told apart",
        not found,
        f"the beginning of another, which is therefore never heard: {pairs}"
        if found
        else "none is the beginning of another",
        "give one of each pair another code (tapeline tenant option set, features.conf)" if found else "",
    )


def _told(shown: Iterable[str]) -> bool:
    """Whether what a code reaches, in a context that can be dialled, tells the controller of it."""
    context = ""
    for line in shown:
        match = _CONTEXT.match(line)
        context = match[1] if match else context
        if "TapelineFeature" in line and context not in _INSIDE_CALLS:
            return True
    return False


async def _in_rooms(cli: Cli, wanted: Codes) -> list[Check]:
    """Of each menu of ConfBridge's that has codes of ours: one that it lacks is dead in its rooms. Nothing is
    said where no menu has any, since nobody need have rooms."""
    found = []
    for line in await cli("confbridge show menus"):
        name = line.strip()
        if not _MENU.fullmatch(name):
            continue
        shown = await cli(f"confbridge show menu {name}")
        there = {match[1] for entry in shown if (match := _ENTRY.match(entry.strip()))}
        dead = wanted.keys() - there
        if there:
            what = f"not in the menu, so dead in its rooms: {named(dead, wanted)}"
            mend = (
                "add a line for each to confbridge.conf, then: asterisk -rx 'module reload app_confbridge.so'"
            )
            said = what if dead else f"all {len(wanted)} in the menu"
            found.append(Check(f"codes in the rooms of {name}", not dead, said, mend if dead else ""))
    return found


def _as_calls(dead: list[str], wanted: Codes) -> Check:
    return Check(
        "codes as calls",
        not dead,
        f"in no context, so dead while the call is held: {named(dead, wanted)}"
        if dead
        else f"all {len(wanted)} tell the controller",
        "add two lines for each to [tapeline-codes] of extensions.conf, then: asterisk -rx 'dialplan reload'"
        if dead
        else "",
    )
