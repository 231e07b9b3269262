"""Scripted SIP phones for the demo and the end-to-end tests."""

from .dialog import Dialog
from .dialog_state import CallRefused
from .digest import Credentials
from .message import Message, PhoneError
from .phone import Phone
from .rtp import RtpStream
from .sound import Source, clip, digital_silence, room, tone
from .transactions import NoResponse, Reply

__all__ = [
    "CallRefused",
    "Credentials",
    "Dialog",
    "Message",
    "NoResponse",
    "Phone",
    "PhoneError",
    "Reply",
    "RtpStream",
    "Source",
    "clip",
    "digital_silence",
    "room",
    "tone",
]
