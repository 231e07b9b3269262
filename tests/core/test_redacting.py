"""Chosen spans: how people write a moment, and which words go."""

from __future__ import annotations

import pytest

from controller.core.errors import InvalidPolicy
from controller.core.redacting import moment_ms, without_spans
from controller.core.transcripts import Utterance, Word


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("0", 0), ("75.5", 75_500), ("1:15.5", 75_500), ("1:02:15", 3_735_000), (" 0:00.05 ", 50),
        ("3,25", 3250), ("90:00", 5_400_000),
    ],
)  # fmt: skip
def test_a_moment(text: str, ms: int) -> None:
    assert moment_ms("from", text) == ms


@pytest.mark.parametrize("text", ["", "-1", "1.2345", "a", "1:2:3:4", "1::2", "１", "1e3"])
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(InvalidPolicy, match="from: want seconds"):
        moment_ms("from", text)


def test_words_that_reach_into_a_span_go() -> None:
    words = tuple(Word(t, n * 100, n * 100 + 90) for n, t in enumerate(["a", "b", "c", "d", "e", "f"]))
    (left,) = without_spans([Utterance(0, "Ann", words)], [(150, 210), (550, 900)])
    assert [(w.text, w.from_ms, w.to_ms, w.hidden) for w in left.words] == [
        ("a", 0, 90, False), ("[redacted]", 100, 290, True), ("d", 300, 390, False), ("e", 400, 490, False),
        ("[redacted]", 500, 590, True),
    ]  # fmt: skip
    assert without_spans([left], [(150, 210)]) == (left,)
    assert without_spans([left], []) == (left,)
