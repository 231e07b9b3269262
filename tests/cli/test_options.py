"""``tapeline tenant option``: set, listed, set back, refused by name."""

from __future__ import annotations

import pytest

from controller.core.media_kinds import OPERATIONS
from controller.core.options import DEFAULT_OPTIONS, Channels, NewUser, PauseStyle, TenantOptions
from controller.core.rules import Mode, Setting
from controller.engine.reading import Scope

from .conftest import Tapeline


def options(tapeline: Tapeline) -> TenantOptions:
    (tenant,) = tapeline.within(lambda catalog: catalog.tenants(Scope("acme")))
    return tenant.options


def test_every_kind_of_option_is_set_and_set_back(tapeline: Tapeline) -> None:
    tapeline.run(
        "tenant", "option", "set", "acme", "codes.*70=pause-recording", "codes.*44=", "pause_style=cut",
        "longest_pause_s=120", "pause_tone=true", "beep_every_s=15", "announcement=tapeline/rec",
        "announce_to=external", "channels=stereo", "new_user.audio=on", "new_user.mode=on_demand",
    )  # fmt: skip
    set_now = options(tapeline)
    codes = dict(DEFAULT_OPTIONS.codes) | {"*70": OPERATIONS["pause-recording"]}
    del codes["*44"]
    assert set_now == TenantOptions(
        codes, PauseStyle.CUT, 120, True, 15, "tapeline/rec", set_now.announce_to, channels=Channels.STEREO,
        new_user=NewUser(Setting.ON, Setting.OFF, Mode.ON_DEMAND),
    )  # fmt: skip
    assert set_now.announce_to == "external"
    tapeline.run(
        "tenant", "option", "set", "acme", "codes=", "pause_style=", "longest_pause_s=", "pause_tone=off",
        "beep_every_s=", "announce_to=", "announcement=", "channels=", "new_user=",
    )  # fmt: skip
    assert options(tapeline) == DEFAULT_OPTIONS


def test_the_list_shows_each_by_the_name_it_is_set_by(tapeline: Tapeline) -> None:
    tapeline.run("tenant", "option", "set", "acme", "new_user.audio=require", "codes.*70=stop-recording")
    rows = {
        cells[1].strip(): (cells[2].strip(), cells[3].strip())
        for line in tapeline.run("tenant", "option", "list", "acme").splitlines()
        if len(cells := line.split("│")) > 3
    }
    assert rows["new_user.audio"] == ("require", "off")
    assert rows["codes.*70"] == ("stop-recording", "")
    assert rows["pause_tone"] == ("false", "false")
    words = [f"{key}={value}" for key, (value, _) in rows.items()]
    before = options(tapeline)
    tapeline.run("tenant", "option", "set", "acme", *words)
    assert options(tapeline) == before
    assert tapeline.json("tenant", "option", "list", "acme") == before.as_mapping()


@pytest.mark.parametrize(
    ("setting", "why"),
    [
        ("beep=3", "unknown option 'beep'; there are alone,"),
        ("longest_pause_s", "'longest_pause_s': want KEY=VALUE"),
        ("longest_pause_s=soon", "longest_pause_s: want a whole number, not 'soon'"),
        ("longest_pause_s=-1", "longest_pause_s is 0 (no limit) to 86400"),
        ("pause_tone=maybe", "pause_tone: want true or false, not 'maybe'"),
        ("channels=quadro", "channels: want one of mono, stereo, not 'quadro'"),
        ("announcement=../../etc/passwd", "announcement is a sound's name or path"),
        ("announce_to=everybody", "announce_to needs an announcement"),
        ("codes.*4=pause-recording", "codes: *4 is the beginning of *4"),
        ("codes.*70=dance", "codes.*70: 'dance' is no operation"),
        ("codes.48x=pause-recording", "codes: "),
        ("codes.*99=", "codes.*99: there is no such code to take away"),
        ("codes=*48", "codes: set its parts one by one, codes.*48=pause-recording"),
        ("new_user.audio=loud", "new_user.audio: want one of inherit, off, on, require, forbid"),
        ("new_user.colour=red", "unknown option 'new_user.colour'; there are audio, video, mode"),
    ],
)
def test_refusals_name_the_key(tapeline: Tapeline, setting: str, why: str) -> None:
    tapeline.run("tenant", "option", "set", "acme", "channels=stereo")
    assert tapeline.refused("tenant", "option", "set", "acme", "pause_style=cut", setting).startswith(why)
    assert options(tapeline) == TenantOptions(channels=Channels.STEREO)  # all of it or nothing


def test_a_tenant_that_is_not_there(tapeline: Tapeline) -> None:
    assert tapeline.refused("tenant", "option", "list", "acme") == "there is no tenant 'acme'"
