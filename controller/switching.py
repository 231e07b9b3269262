"""How a switch's part is put together out of its configuration."""

from __future__ import annotations

from .config import FreeSwitchConfig, SwitchConfig
from .engine.ids import new_id, now
from .engine.ports import Directory, Switch
from .engine.spool_eyes import SpoolEyes
from .switches.asterisk.adapter import AsteriskSwitch
from .switches.asterisk.directory import AsteriskDirectory
from .switches.freeswitch.adapter import FreeSwitch
from .switches.freeswitch.directory import FreeSwitchDirectory


def make_switch(config: SwitchConfig, elsewhere: SpoolEyes | None) -> Switch:
    """``elsewhere``: who sees its spool, where that is on another machine."""
    if isinstance(config, FreeSwitchConfig):
        return FreeSwitch(config, new_id, now, elsewhere)
    return AsteriskSwitch(config, new_id, now, elsewhere)


def video_supported(config: SwitchConfig) -> bool:
    """Whether such a switch records video."""
    return (FreeSwitch if isinstance(config, FreeSwitchConfig) else AsteriskSwitch).video_supported


def make_directory(config: SwitchConfig) -> Directory:
    return FreeSwitchDirectory(config) if isinstance(config, FreeSwitchConfig) else AsteriskDirectory(config)
