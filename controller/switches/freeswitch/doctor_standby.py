"""What `tapeline doctor` looks at of a FreeSWITCH's carrying on alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ...config import FreeSwitchConfig
from ...engine.ports import Check
from . import xml_answers

Api = Callable[[str], Awaitable[str]]

WHAT = "carrying on alone"
_HOOK, _ANSWER = "execute_on_pre_bridge_tapeline", "tapeline-alone-start"


async def examine_standby(api: Api, config: FreeSwitchConfig) -> Check:
    """Whether calls are recorded while the controller is away: the module, and the piece of the dialplan in
    every context that a profile's calls come in by."""
    if not config.standby_after_s:
        return Check(WHAT, True, "off (standby_after_s = 0)")
    if (await api("module_exists mod_hash")).strip() != "true":
        found = "mod_hash is not loaded: calls that begin while the controller is away are not recorded"
        mend = 'add <load module="mod_hash"/> to modules.conf.xml, then `load mod_hash`'
        return Check(WHAT, False, found, f"{mend}; or set standby_after_s = 0")
    sofia = xml_answers.read(await api("xml_locate configuration configuration name sofia.conf"))
    used = {
        param.get("value", "")
        for profile in sofia.iter("profile")
        for param in profile.iter("param")
        if param.get("name") == "context"
    }
    dialplan = xml_answers.read(await api("xml_locate dialplan"))
    contexts = {node.get("name", ""): node for node in dialplan.iter("context")}
    lacking = []
    for name in sorted(used & contexts.keys()):
        said = [action.get("data", "") for action in contexts[name].iter("action")]
        if not any(_HOOK in data for data in said) or not any(_ANSWER in data for data in said):
            lacking.append(name)
    if lacking or not used & contexts.keys():
        where = ", ".join(lacking) or "any context"
        found = f"its piece is not in {where}: calls that begin there while we are away are not recorded"
        mend = "include dialplan/freeswitch/alone.xml first in it, then `reloadxml`"
        return Check(WHAT, False, found, f"{mend}; or set standby_after_s = 0")
    return Check(WHAT, True, f"in the contexts {', '.join(sorted(used & contexts.keys()))}")
