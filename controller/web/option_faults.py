"""Options that somebody wants changed, put onto those that are; each fault is named at its option."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.errors import InvalidPolicy
from ..core.options import TenantOptions, options_from, with_our_names


class OptionFaults(Exception):
    """``faults``: option → what is wrong with it, in core.options' words."""

    def __init__(self, faults: dict[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = faults


def with_options(base: TenantOptions, given: Mapping[str, Any]) -> TenantOptions:
    """``given`` holds plain values (core.options.options_from); what it leaves out stays.

    Codes are replaced as a whole, a new user's defaults one by one. Raises OptionFaults.
    """
    stored = base.as_mapping()
    try:
        given = with_our_names(given)
    except InvalidPolicy as error:
        raise OptionFaults({"recorder_file_format": str(error)}) from error
    wanted = {**stored, **given}
    if isinstance(given.get("new_user"), Mapping):
        wanted["new_user"] = {**stored["new_user"], **given["new_user"]}
    try:
        return options_from(wanted)
    except InvalidPolicy as error:
        raise OptionFaults(
            _faults(stored, wanted, given) or {_named(str(error), given): str(error)}
        ) from error


def _faults(stored: dict[str, Any], wanted: dict[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Every option that is wrong whatever the others are."""
    found = {}
    for key in given:
        alone = {**stored, key: wanted[key]}
        if key == "announce_to" and wanted.get("announcement"):
            alone["announcement"] = "any"
        if key == "announcement" and not wanted[key]:
            alone["announce_to"] = "nobody"
        try:
            options_from(alone)
        except InvalidPolicy as error:
            found[key] = str(error)
    return found


def _named(text: str, given: Mapping[str, Any]) -> str:
    """The option that a text begins with; else the first that was given."""
    return next((key for key in given if text.startswith(key)), next(iter(given), ""))
