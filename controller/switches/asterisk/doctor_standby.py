"""What `tapeline doctor` looks at of an Asterisk's carrying on alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...config import AsteriskConfig
from ...engine.ports import Check
from .doctor_codes import README

Cli = Callable[[str], Awaitable[list[str]]]

WHAT = "carrying on alone"
MODULES = ("app_exec", "func_db", "func_rand", "func_strings")


async def examine_standby(cli: Cli, config: AsteriskConfig) -> Check:
    """Whether calls are recorded while the controller is away: modules, context, and a Dial that uses it."""
    if not config.standby_after_s:
        return Check(WHAT, True, "off (standby_after_s = 0)")
    missing = []
    for module in MODULES:
        lines = await cli(f"module show like {module}.so")
        if not any(line.startswith(f"{module}.so") and "Running" in line for line in lines):
            missing.append(module)
    if missing:
        found = f"not running: {', '.join(missing)}; calls that begin while we are away are not recorded"
        return Check(WHAT, False, found, "load them in modules.conf; or set standby_after_s = 0")
    if not any("Context 'tapeline-alone'" in line for line in await cli("dialplan show tapeline-alone")):
        found = "no context tapeline-alone: calls that begin while we are away are not recorded"
        mend = f"include extensions.conf as {README} says, then: asterisk -rx 'dialplan reload'"
        return Check(WHAT, False, found, f"{mend}; or set standby_after_s = 0")
    dials = [line for line in await cli("dialplan show") if "Dial(" in line]
    with_it = [line for line in dials if "U(tapeline-alone" in line]
    if not with_it:
        found = "no Dial has U(tapeline-alone): calls that begin while we are away are not recorded"
        mend = f"add the two options that {README} names to your Dials; or set standby_after_s = 0"
        return Check(WHAT, False, found, mend)
    return Check(WHAT, True, f"in {len(with_it)} of {len(dials)} Dials")
