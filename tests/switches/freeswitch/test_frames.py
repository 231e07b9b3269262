"""Event-socket frames: whatever arrives, in whatever pieces, gives the same frames or BadFrame."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.switches.freeswitch.frames import (
    MAX_BODY,
    MAX_HEADERS,
    BadFrame,
    Frame,
    FrameReader,
    decode_event,
)

from .captured import NAMES, capture_bytes, frames


def read(pieces: list[bytes]) -> tuple[list[Frame], str, int]:
    """What a reader makes of these pieces: frames, the error that ended it, bytes left over."""
    reader, found = FrameReader(), []
    for piece in pieces:
        reader.feed(piece)
        try:
            found += list(reader)
        except BadFrame as error:
            return found, str(error), 0
    return found, "", reader.pending


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    points = sorted({c % (len(data) + 1) for c in cuts})
    return [data[a:b] for a, b in zip([0, *points], [*points, len(data)], strict=True)]


def frame(content_type: str, body: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: %s\n\n%s" % (len(body), content_type.encode(), body)


BODIES = st.binary(max_size=60) | st.sampled_from([b"\n\n", b"Content-Length: 9\n\n", "ü\u2028".encode()])
GOOD = st.lists(st.tuples(st.sampled_from(["text/event-json", "api/response"]), BODIES), max_size=6)
LENGTHS = st.sampled_from(
    [
        "-1",
        "+5",
        "1e3",
        "0x10",
        " 7 ",
        "٣",
        "²",
        "",
        "5 5",
        "9" * 30,
        "9" * 5000,
        str(MAX_BODY + 1),
        "NaN",
        "7\r",
    ]
)


@given(GOOD, st.lists(st.integers(0, 10_000), max_size=12))
def test_frames_are_the_same_however_they_arrive(parts: list[tuple[str, bytes]], cuts: list[int]) -> None:
    data = b"".join(frame(*part) for part in parts)
    expected = [Frame(content_type, "", body) for content_type, body in parts]
    assert read(pieces_of(data, cuts)) == (expected, "", 0)


@given(st.lists(st.binary(max_size=80) | GOOD.map(lambda g: b"".join(frame(*p) for p in g)), max_size=8),
       st.lists(st.integers(0, 10_000), max_size=12))  # fmt: skip
def test_junk_gives_the_same_however_it_arrives(junk: list[bytes], cuts: list[int]) -> None:
    data = b"".join(junk)
    assert read(pieces_of(data, cuts)) == read([data])


@given(st.text(st.characters(codec="utf-8"), max_size=40) | LENGTHS)
def test_a_length_is_a_plain_number_or_the_frame_is_bad(length: str) -> None:
    found, error, _ = read([f"Content-Type: x\nContent-Length: {length}\n\n".encode() + b"b" * 10])
    text = length.partition("\n")[0].strip()
    if text.isascii() and text.isdigit() and len(text) < 12 and int(text) <= MAX_BODY:
        assert not error
        if int(text) <= 10 and "\n\n" not in length:
            assert found[0].body == b"b" * int(text)
    else:
        assert error
        assert not found


@given(st.integers(1, 200), st.integers(0, 199))
def test_an_end_in_the_middle_of_a_body_is_no_frame(length: int, there: int) -> None:
    there = min(there, length - 1)
    found, error, pending = read([b"Content-Length: %d\n\n" % length + b"x" * there])
    assert (found, error, pending) == ([], "", there)


def test_headers_without_an_end_are_refused_before_they_fill_the_memory() -> None:
    assert read([b"x" * 1024] * (MAX_HEADERS // 1024)) == ([], "", MAX_HEADERS)
    assert read([b"x" * 1024] * (MAX_HEADERS // 1024 + 1))[1] == "header block too long"


def test_stray_blank_lines_are_nothing() -> None:
    data = b"\n\n\n\n" + frame("a", b"1") + b"\n\n" + frame("b", b"2")
    found, error, _ = read([data])
    assert ([f.content_type for f in found], error) == (["a", "b"], "")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 1460])
def test_a_real_stream_in_pieces(name: str, size: int) -> None:
    data = capture_bytes(name)[:60_000]
    whole = read([data])
    assert whole[0]
    assert read([data[i : i + size] for i in range(0, len(data), size)]) == whole


@pytest.mark.parametrize("name", NAMES)
def test_every_captured_event_is_read_whole(name: str) -> None:
    first, *rest = frames(capture_bytes(name))
    assert first.content_type == "auth/request"
    for got in rest:
        if got.content_type == "text/event-json":
            event = decode_event(got.body)
            assert event is not None
            assert event["Event-Name"]
            assert event == {
                k: str(v[0] if isinstance(v, list) else v) for k, v in json.loads(got.body).items()
            }


@given(st.binary(max_size=300))
def test_a_body_of_any_bytes_is_an_event_or_nothing(body: bytes) -> None:
    event = decode_event(body)
    assert event is None or not any(isinstance(x, list) for pair in event.items() for x in pair)


@given(st.dictionaries(st.text(max_size=10), st.text(max_size=20), max_size=5))
def test_an_event_comes_out_as_it_went_in(event: dict[str, str]) -> None:
    safe = {
        k.encode("utf-8", "replace").decode(): v.encode("utf-8", "replace").decode() for k, v in event.items()
    }
    assert decode_event(json.dumps(safe, ensure_ascii=False).encode()) == safe


def test_bad_utf8_is_replaced_and_control_characters_are_kept() -> None:
    assert decode_event(b'{"Name": "a\xff\xfeb"}') == {"Name": "a\ufffd\ufffdb"}
    assert decode_event(b'{"Name": "a\nb\x01"}') == {"Name": "a\nb\x01"}
    assert decode_event(b'{"Name": "\\ud800"}') == {"Name": "?"}


ARRAY = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), min_size=1, max_size=3)
NAME = st.text(st.sampled_from('a-Z_":[]\\{é\n'), max_size=6)


@given(st.dictionaries(NAME, st.text(st.sampled_from('a":[]{\\, '), max_size=12) | ARRAY, max_size=6))
def test_an_array_becomes_its_first_value_whatever_is_around_it(
    event: dict[str, str | list[str]],
) -> None:
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    assert decode_event(body) == {k: v[0] if isinstance(v, list) else v for k, v in event.items()}


def test_an_empty_array_is_an_empty_text() -> None:
    assert decode_event(b'{"a":["first","second"],"b":[]}') == {"a": "first", "b": ""}


@pytest.mark.parametrize("body", [b"", b"[]", b"5", b"null", b"{", b"[" * 100_000, b'{"a":' * 50_000])
def test_what_is_no_event_is_none(body: bytes) -> None:
    assert decode_event(body) is None
