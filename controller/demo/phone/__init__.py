"""Scripted SIP phones for the demo and the end-to-end tests."""

from .dialog import Dialog
from .dialog_state import CallRefused
from .digest import Credentials
from .h264 import Film
from .message import Message, PhoneError
from .phone import Phone
from .rtp import RtpStream
from .sound import Source, clip, digital_silence, room, tone
from .transactions import NoResponse, Reply
from .video import VideoStream

__all__ = [
    "CallRefused",
    "Credentials",
    "Dialog",
    "Film",
    "Message",
    "NoResponse",
    "Phone",
    "PhoneError",
    "Reply",
    "RtpStream",
    "Source",
    "VideoStream",
    "clip",
    "digital_silence",
    "room",
    "tone",
]
