"""A channel's video is asked for, and told when it changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from controller.core import facts as f
from controller.switches.asterisk.channels import Channel
from controller.switches.asterisk.connection import AmiConnection
from controller.switches.asterisk.video import video_of

AT = datetime(2026, 11, 23, tzinfo=UTC)


class Ami:
    """Answers every Getvar with what ``formats`` says now."""

    def __init__(self, formats: str, response: str = "Success") -> None:
        self.formats, self.response = formats, response
        self.asked: list[dict[str, Any]] = []

    async def action(self, name: str, timeout_s: float, **fields: Any) -> dict[str, str]:
        self.asked.append({"Action": name, **fields})
        return {"Response": self.response, "Value": self.formats}


async def ask(ami: Ami, channel: Channel) -> f.LegVideoChanged | None:
    return await video_of(cast(AmiConnection, ami), channel, lambda: AT, 1.0)


@pytest.mark.parametrize("formats", ["(nothing)", "nothing", ""])
async def test_none(formats: str) -> None:
    assert await ask(Ami(formats), Channel("1.1", "PJSIP/101-00000001")) is None


async def test_it_comes_and_goes_and_is_told_once() -> None:
    ami, channel = Ami("(h264)"), Channel("1.1", "PJSIP/101-00000001")
    assert await ask(ami, channel) == f.LegVideoChanged("1.1", AT, True)
    assert await ask(ami, channel) is None
    ami.formats = "(nothing)"
    assert await ask(ami, channel) == f.LegVideoChanged("1.1", AT, False)
    wanted = {"Channel": channel.name, "Variable": "CHANNEL(videonativeformat)"}
    assert ami.asked[0] == {"Action": "Getvar", **wanted}


async def test_a_channel_that_is_gone_and_one_of_another_kind() -> None:
    assert await ask(Ami("No such channel", "Error"), Channel("1.1", "PJSIP/101-00000001")) is None
    local = Ami("(h264)")
    assert await ask(local, Channel("1.1", "Local/101@x-00000001;1")) is None
    assert local.asked == []
