"""Announcements that tenants want in their recordings: whether this machine finds them to mix them in."""

from __future__ import annotations

from collections.abc import Sequence

from .config import AsteriskConfig, FreeSwitchConfig
from .core.options import Hears
from .engine.ports import Check
from .engine.reading import TenantSettings
from .media.errors import UnreadableAudio
from .media.mixing import SoundFiles


def announcements(tenants: Sequence[TenantSettings]) -> list[str]:
    """The names of those that are to be mixed in, each once."""
    wanted = [
        s.options.announcement
        for s in tenants
        if s.options.sounds_in_recording and s.options.announce_to is not Hears.NOBODY
    ]
    return sorted(set(wanted))


def examine_sounds(
    switch: FreeSwitchConfig | AsteriskConfig, tenants: Sequence[TenantSettings]
) -> list[Check]:
    """One finding, or none where nobody wants an announcement in a recording. A tenant's calls may come to
    any switch, so each is to have all of them. Reads the files; blocking."""
    wanted = announcements(tenants)
    if not wanted:
        return []
    names = ", ".join(wanted[:5])
    if switch.sounds is None:
        found = f"announcements wanted in recordings ({names}), and no folder to find them in"
        return [Check("announcements", False, found, "set sounds of this switch to the folder of its sounds")]
    files, missing = SoundFiles({switch.name: switch.sounds}), []
    for name in wanted:
        try:
            files.announcement(switch.name, name)
        except UnreadableAudio as error:
            missing.append(str(error))
    if missing:
        why = "; ".join(missing[:3])
        found = f"{len(missing)} of {len(wanted)} announcements cannot be mixed into recordings: {why}"
        mend = "put them there as WAV of at most a minute, or correct sounds of this switch"
        return [Check("announcements", False, found, mend)]
    return [Check("announcements", True, f"found, to be mixed into recordings: {names}")]
