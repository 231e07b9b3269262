"""What a phone may put into a MESSAGE: forgiving about white space, strict about everything else."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from controller.core.errors import InvalidMediaControl
from controller.core.media_control import (
    JSON_TYPE,
    MAX_BODY,
    MAX_SESSION_ID,
    TEXT_TYPE,
    MediaControl,
    is_media_control,
    parse,
)
from controller.core.media_kinds import MESSAGE_OPERATIONS, OPERATIONS

PAUSE = "pause-audio-recording"
BODY = json.dumps({"operation": PAUSE, "session_id": "s-1"})


def test_there_are_four_operations() -> None:
    assert set(MESSAGE_OPERATIONS) == {
        "pause-audio-recording",
        "pause-video-recording",
        "resume-audio-recording",
        "resume-video-recording",
    }


@pytest.mark.parametrize("name", sorted(MESSAGE_OPERATIONS))
def test_every_operation_both_ways(name: str) -> None:
    operation = MESSAGE_OPERATIONS[name]
    body = json.dumps({"operation": name, "session_id": "s-1"})
    assert parse(JSON_TYPE, body, in_dialog=False) == MediaControl(operation, "s-1")
    assert parse(TEXT_TYPE, name, in_dialog=True) == MediaControl(operation, None)


@pytest.mark.parametrize(
    "content_type",
    [
        JSON_TYPE,
        "Application/X-Media-Control+JSON",
        f" {JSON_TYPE} ",
        f"{JSON_TYPE};charset=utf-8",
        f"{JSON_TYPE} ; x",
    ],
)
def test_the_type_as_phones_write_it(content_type: str) -> None:
    assert is_media_control(content_type)
    assert parse(content_type, BODY, in_dialog=False).session_id == "s-1"


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/json",
        "application/x-media-control+xml",
        "x application/x-media-control",
    ],
)
def test_other_types_are_not_ours(content_type: str) -> None:
    assert not is_media_control(content_type)
    with pytest.raises(InvalidMediaControl, match="content type"):
        parse(content_type, BODY, in_dialog=True)


@pytest.mark.parametrize("before", ["", " ", "\r\n", "\ufeff", "\0"])
@pytest.mark.parametrize("after", ["", "\r\n", "\n\n", " \t", "\0\0", "\r\n\0"])
def test_white_space_and_a_content_length_too_long(before: str, after: str) -> None:
    assert parse(JSON_TYPE, before + BODY + after, in_dialog=False).session_id == "s-1"
    assert str(parse(TEXT_TYPE, before + PAUSE + after, in_dialog=True).operation) == PAUSE


def test_white_space_within_the_json() -> None:
    body = '\r\n{ "session_id" :\t" s-1 " ,\r\n "operation": " pause-audio-recording\\r\\n" }\r\n'
    assert parse(JSON_TYPE, body, in_dialog=False) == MediaControl(OPERATIONS[PAUSE], "s-1")


@pytest.mark.parametrize("cut", range(1, len(BODY)))
def test_a_content_length_too_short_is_refused(cut: int) -> None:
    with pytest.raises(InvalidMediaControl):
        parse(JSON_TYPE, BODY[:-cut], in_dialog=False)


@pytest.mark.parametrize("cut", range(1, len(PAUSE)))
def test_half_an_operation_is_refused(cut: int) -> None:
    with pytest.raises(InvalidMediaControl, match="unknown operation"):
        parse(TEXT_TYPE, PAUSE[:-cut], in_dialog=True)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "not JSON"),
        ("pause-audio-recording", "not JSON"),
        ("[]", "not a JSON object"),
        ("null", "not a JSON object"),
        ('"pause-audio-recording"', "not a JSON object"),
        ("{}", "operation is missing"),
        ('{"session_id": "s"}', "operation is missing"),
        ('{"operation": 1, "session_id": "s"}', "operation is missing"),
        ('{"operation": ["pause-audio-recording"], "session_id": "s"}', "operation is missing"),
        ('{"operation": "pause", "session_id": "s"}', "unknown operation"),
        ('{"operation": "PAUSE-AUDIO-RECORDING", "session_id": "s"}', "unknown operation"),
        ('{"operation": "stop-recording", "session_id": "s"}', "unknown operation"),
        ('{"operation": "start-audio-recording", "session_id": "s"}', "unknown operation"),
        ('{"operation": "pause-recording", "session_id": "s"}', "unknown operation"),
        ('{"operation": "pause-audio-recording"}', "session_id is missing"),
        ('{"operation": "pause-audio-recording", "session_id": null}', "session_id is missing"),
        ('{"operation": "pause-audio-recording", "session_id": ""}', "not a text"),
        ('{"operation": "pause-audio-recording", "session_id": 7}', "not a text"),
        ('{"operation": "pause-audio-recording", "session_id": ["s"]}', "not a text"),
        ('{"operation": "pause-audio-recording", "session_id": "s", "user": "102"}', "unknown member"),
        ('{"operation": "pause-audio-recording", "session_id": "s", "session_id": "t"}', "given twice"),
        (
            BODY[:-1] + ', "operation": "resume-audio-recording"}',
            "given twice",
        ),
        (BODY + BODY, "more after"),
        (BODY + "x", "more after"),
        (BODY.replace("s-1", "s" * (MAX_SESSION_ID + 1)), "too long"),
        (" " * MAX_BODY + BODY, "characters"),
        ("[" * 3000, "JSON"),
    ],
)
def test_everything_else_is_refused_with_the_reason(body: str, why: str) -> None:
    with pytest.raises(InvalidMediaControl, match=why):
        parse(JSON_TYPE, body, in_dialog=False)


def test_in_the_dialog_the_session_id_may_be_missing() -> None:
    body = json.dumps({"operation": PAUSE})
    assert parse(JSON_TYPE, body, in_dialog=True) == MediaControl(OPERATIONS[PAUSE], None)
    with pytest.raises(InvalidMediaControl, match="session_id is missing"):
        parse(TEXT_TYPE, PAUSE, in_dialog=False)


def test_the_reason_does_not_repeat_a_flood() -> None:
    with pytest.raises(InvalidMediaControl) as caught:
        parse(TEXT_TYPE, "x" * MAX_BODY, in_dialog=True)
    assert len(str(caught.value)) < 100


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_near = st.fixed_dictionaries(
    {},
    optional={
        "operation": _json | st.sampled_from(sorted(OPERATIONS)),
        "session_id": _json,
        "Operation": _json,
    },
)
_mutated = st.builds(
    lambda at, junk: BODY[:at] + junk + BODY[at + len(junk) :], st.integers(0, len(BODY)), st.text(max_size=5)
)


@given(
    st.sampled_from([JSON_TYPE, TEXT_TYPE, f"{JSON_TYPE};x"]) | st.text(max_size=40),
    st.text(max_size=300) | _json.map(json.dumps) | _near.map(json.dumps) | _mutated,
    st.booleans(),
)
@example(JSON_TYPE, "1" * 4096, False)
@example(JSON_TYPE, '{"operation": "\ud800", "session_id": "s"}', False)
@example(JSON_TYPE, '{"a":' * 600, True)
@example(JSON_TYPE, "NaN", True)
def test_nothing_but_invalid_media_control_ever_comes_out(
    content_type: str, body: str, in_dialog: bool
) -> None:
    try:
        control = parse(content_type, body, in_dialog=in_dialog)
    except InvalidMediaControl:
        return
    assert str(control.operation) in MESSAGE_OPERATIONS
    assert in_dialog or control.session_id
