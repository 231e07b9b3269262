"""What `tapeline doctor` says of announcements that are to be in recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.config import AsteriskConfig
from controller.core.options import Hears, TenantOptions
from controller.core.rules import Setting
from controller.doctor_sounds import examine_sounds
from controller.engine.reading import TenantSettings
from tests.media.doubles import voice, wav_bytes

OPTIONS = TenantOptions(announcement="custom/told", announce_to=Hears.EVERYBODY, sounds_in_recording=True)


def tenants(options: TenantOptions = OPTIONS) -> list[TenantSettings]:
    return [TenantSettings("acme.test", Setting.ON, options=options)]


def switch(sounds: Path | None) -> AsteriskConfig:
    return AsteriskConfig(kind="asterisk", name="pbx", password="x", spool=Path("/spool"), sounds=sounds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "custom").mkdir()
    (tmp_path / "custom/told.wav").write_bytes(wav_bytes(voice(800)))
    return tmp_path


def test_what_is_there_is_named(folder: Path) -> None:
    [check] = examine_sounds(switch(folder), tenants())
    assert check.ok
    assert "custom/told" in check.found


@pytest.mark.parametrize(
    "options",
    [TenantOptions(), TenantOptions(announcement="custom/told", sounds_in_recording=True)],
)
def test_nobody_wants_one(folder: Path, options: TenantOptions) -> None:
    assert examine_sounds(switch(folder), tenants(options)) == []
    assert examine_sounds(switch(None), []) == []


def test_no_folder_is_set() -> None:
    [check] = examine_sounds(switch(None), tenants())
    assert not check.ok
    assert "custom/told" in check.found
    assert "set sounds" in check.mend


@pytest.mark.parametrize("lack", ["missing", "no sound", "too long", "outside"])
def test_what_cannot_be_mixed_in_is_told_with_the_reason(folder: Path, lack: str) -> None:
    file, options = folder / "custom/told.wav", OPTIONS
    if lack == "missing":
        file.unlink()
    elif lack == "no sound":
        file.write_bytes(b"nothing of the kind")
    elif lack == "too long":
        file.write_bytes(wav_bytes(np.zeros((61 * 8000, 1), np.int16)))
    else:
        outside = folder.with_name("outside.wav")
        outside.write_bytes(wav_bytes(voice(800)))
        file.unlink()
        file.symlink_to(outside)
    [check] = examine_sounds(switch(folder), tenants(options))
    assert not check.ok
    assert "1 of 1 announcements" in check.found
    assert "WAV of at most a minute" in check.mend
