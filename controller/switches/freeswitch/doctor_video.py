"""What `tapeline doctor` looks at for video: whether this FreeSWITCH can negotiate and record it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable, Collection

from ...engine.ports import Check
from . import xml_answers

Api = Callable[[str], Awaitable[str]]

_PREFERENCES = ("inbound-codec-prefs", "outbound-codec-prefs")


async def examine_video(api: Api, trunk_profiles: Collection[str]) -> list[Check]:
    """One finding where no video is set up at all: nobody has to record it."""
    loaded = (await api("module_exists mod_av")).strip() == "true"
    sofia = xml_answers.read(await api("xml_locate configuration configuration name sofia.conf"))
    return findings(loaded, sofia, trunk_profiles)


def findings(loaded: bool, sofia: ET.Element, trunk_profiles: Collection[str]) -> list[Check]:
    """Of the switch's module and its profiles of phones (a trunk may well have no video)."""
    lacking: list[tuple[str, str]] = []
    wanted = False
    for profile in sofia.iter("profile"):
        name = profile.get("name", "")
        settings = {p.get("name", ""): p.get("value", "") for p in profile.iter("param")}
        for preference in _PREFERENCES:
            value = settings.get(preference, settings.get("codec-prefs", ""))
            if any(codec.strip().upper().startswith("H264") for codec in value.split(",")):
                wanted = True
            elif name not in trunk_profiles:
                lacking.append((name, preference))
    if not loaded and not wanted:
        return [Check("video", True, "not set up: no profile offers H264; calls are recorded as audio")]
    checks = [
        Check(
            "module mod_av",
            loaded,
            "loaded" if loaded else "not loaded, though a profile offers H264; it brings H264 and MP4 files",
            "" if loaded else 'add <load module="mod_av"/> to modules.conf.xml, then `load mod_av`',
        )
    ]
    for name, preference in lacking:
        mend = f'add H264 to <param name="{preference}" …/> and `sofia profile {name} rescan`'
        checks.append(Check(f"profile {name}: H264", False, f"not in the parameter {preference}", mend))
    if loaded and wanted and not lacking:
        checks.append(Check("video", True, "H264 is offered to phones and can be recorded"))
    return checks
