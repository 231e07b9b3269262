"""Whether a channel has video, so that the decision can say that this switch does not record it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from ...core import facts as f
from .channels import Channel
from .connection import AmiConnection
from .resync import variable

#: What CHANNEL(videonativeformat) says of a channel without any (Asterisk 22).
_NONE = frozenset({"", "(nothing)", "nothing", "none"})


async def video_of(
    ami: AmiConnection, channel: Channel, now: Callable[[], datetime], timeout_s: float
) -> f.LegVideoChanged | None:
    """The change since it was last asked; None without one. No event tells of it, so it is asked when
    the channel joins a bridge: video that a later re-INVITE adds shows at the next one."""
    if channel.technology != "PJSIP":
        return None
    formats = await variable(ami, channel.name, "CHANNEL(videonativeformat)", timeout_s)
    video = formats not in _NONE
    if video == channel.video:
        return None
    channel.video = video
    return f.LegVideoChanged(channel.leg_id, now(), video)
