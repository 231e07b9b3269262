"""A tenant's options: there and back again, and every value that cannot be is named."""

from __future__ import annotations

import json

import pytest

from controller.core.errors import InvalidPolicy
from controller.core.media_kinds import OPERATIONS
from controller.core.options import DEFAULT_OPTIONS, TenantOptions, options_from


def test_there_and_back_again() -> None:
    options = options_from(
        {
            "codes": {"*1": "pause-recording", "#22": "resume-audio-recording"},
            "pause_style": "cut",
            "longest_pause_s": 90,
            "pause_tone": True,
            "beep_every_s": 15,
            "announcement": "custom/this-call-is_recorded.wav",
            "announce_to": "external",
            "sounds_in_recording": True,
            "channels": "stereo",
            "message_answers": "always",
            "new_user": {"audio": "on", "video": "off", "mode": "on_demand"},
            "trash_days": 0,
        }
    )
    assert options.codes["*1"] == OPERATIONS["pause-recording"]
    assert options_from(json.loads(json.dumps(options.as_mapping()))) == options
    assert options_from(DEFAULT_OPTIONS.as_mapping()) == DEFAULT_OPTIONS == TenantOptions()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"pauze_style": "cut"}, "pauze_style"),
        ({"pause_style": "loud"}, "pause_style: want one of mask, cut"),
        ({"longest_pause_s": "90"}, "longest_pause_s: want a whole number"),
        ({"longest_pause_s": True}, "longest_pause_s"),
        ({"longest_pause_s": -1}, "longest_pause_s"),
        ({"pause_tone": 1}, "pause_tone: want true or false"),
        ({"beep_every_s": 1}, "beep_every_s"),
        ({"trash_days": 366}, "trash_days is 0"),
        ({"announce_to": "everybody"}, "announcement"),
        ({"announcement_in_file": True}, "is no option any more.*sounds_in_recording.*leave it out"),
        ({"codes": {"*48": "sing"}}, r"codes\.\*48"),
        ({"codes": {"*4": "pause-recording", "*48": "resume-recording"}}, "beginning of"),
        ({"codes": {"48": "pause-recording"}}, "no feature code"),
        ({"codes": ["*48"]}, "codes"),
        ({"new_user": {"mode": "sometimes"}}, "new_user.mode"),
        ({"new_user": {"pause": "yes"}}, "new_user"),
    ],
)
def test_what_cannot_be_is_named(given: dict, words: str) -> None:
    with pytest.raises(InvalidPolicy, match=words):
        options_from(given)


@pytest.mark.parametrize(
    "sound",
    ["../secret", "a/../b", "a b", "x;y", "${x}", "x\ny", "a,b", "x&y", "|", "shout://x", "-x", "a" * 300],
)
def test_an_announcement_is_a_name_and_nothing_else(sound: str) -> None:
    with pytest.raises(InvalidPolicy, match="announcement"):
        options_from({"announcement": sound})


@pytest.mark.parametrize(("number", "format"), [(1, "wav"), (2, "amr"), (3, "mp3"), ("3", "mp3")])
def test_the_reference_products_number_is_a_format(number: object, format: str) -> None:
    options = options_from({"recorder_file_format": number})
    assert options.format == format
    assert "recorder_file_format" not in options.as_mapping()
    assert options_from({"recorder_file_format": number, "format": format}).format == format


@pytest.mark.parametrize(
    "given",
    [
        {"recorder_file_format": 0},
        {"recorder_file_format": 4},
        {"recorder_file_format": True},
        {"recorder_file_format": "mp3"},
        {"recorder_file_format": 3, "format": "wav"},
        {"format": "ogg"},
        {"keep_original": "no"},
    ],
)
def test_no_format_is_named(given: dict) -> None:
    with pytest.raises(InvalidPolicy, match=next(iter(given))):
        options_from(given)
