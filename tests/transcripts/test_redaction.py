"""Digit runs as transcribers write them, and what is left of the text."""

from __future__ import annotations

import pytest

from controller.core.redaction import MARK, digit_runs, merged, redacted
from controller.core.transcripts import Word


def words(text: str, step: int = 400, gap: int = 50) -> list[Word]:
    return [Word(w, n * step, (n + 1) * step - gap) for n, w in enumerate(text.split())]


def after(text: str, least: int = 4, language: str = "en") -> str:
    said = words(text)
    return " ".join(w.text for w in redacted(said, digit_runs(said, least, language)))


M = MARK


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("my card is 4539 1488 0343 6467 thanks", f"my card is {M} thanks"),
        ("it is 4-5-3-5-1-4-8-0.", f"it is {M}."),
        ("Yes, four five three-ine, one four eight eight, zero three", f"Yes, {M}"),
        ("four one one one please", f"{M} please"),
        ("pin double five triple six", f"pin {M}"),
        ("double five and one", "double five and one"),
        ("double five and one two", M),
        ("4, 5, uh, 3, um 9 is it", f"{M} is it"),
        ("four five dash three nine", M),
        ("call 411 or 12", "call 411 or 12"),
        ("forty five thirty nine", M),
        ("four five three spoon nine one two ok", f"{M} ok"),
        ("I have two cats and one dog for you", "I have two cats and one dog for you"),
        ("this is for you to go to", "this is for you to go to"),
        ("for five three nine", M),
        ("oh one seven two, right?", f"{M}, right?"),
        ("٤٥٣٩ تمام", f"{M} تمام"),
        ("４５３９ ok", f"{M} ok"),
        ("3pm at 20", "3pm at 20"),
        ("", ""),
    ],
)
def test_english(text: str, left: str) -> None:
    assert after(text) == left


@pytest.mark.parametrize(
    ("text", "language", "left"),
    [
        ("die Nummer ist vier fünf drei neun danke", "de", f"die Nummer ist {M} danke"),
        ("vier fünf drei neun", "en", "vier fünf drei neun"),
        ("le numéro quatre cinq trois neuf merci", "fr", f"le numéro {M} merci"),
        ("four five three nine", "de", M),
        ("eine Frage, ein Wort", "de", "eine Frage, ein Wort"),
        ("cuatro cinco tres nueve", "es", M),
    ],
)
def test_other_languages(text: str, language: str, left: str) -> None:
    assert after(text, language=language) == left


def test_the_threshold_is_obeyed() -> None:
    assert after("four one one", 3) == M
    assert after("4111", 5) == "4111"
    assert after("41 11 1", 5) == M


def test_digits_far_apart_in_time_are_two_numbers() -> None:
    said = [*words("four five"), Word("three", 30_000, 30_300), Word("nine", 30_400, 30_700)]
    assert digit_runs(said, 4) == []


def test_the_sound_goes_up_to_the_neighbours() -> None:
    said = [Word("is", 0, 1000), Word("4539", 1900, 3000), Word("ok", 3100, 3300)]
    (run,) = digit_runs(said)
    assert (run.from_ms, run.to_ms) == (1200, 3200)
    (run,) = digit_runs([Word("4539", 100, 900)])
    assert (run.from_ms, run.to_ms) == (0, 1600)


def test_spans_that_overlap_become_one() -> None:
    assert merged([(5, 9), (1, 3), (8, 12), (12, 13)]) == ((1, 3), (5, 13))


def test_no_digit_of_a_card_survives_in_any_grouping() -> None:
    spoken = "four five three nine one four eight eight zero three four three six four six seven"
    figures = "4539148803436467"
    for size in (1, 2, 3, 4, 16):
        for sep in (" ", "-", ", "):
            grouped = sep.join(figures[i : i + size] for i in range(0, 16, size))
            left = after(f"it is {grouped} bye")
            assert left == f"it is {M} bye", grouped
    for cut in range(1, 16):
        mixed = f"{' '.join(spoken.split()[:cut])} {figures[cut:]}"
        assert after(f"so {mixed} bye") == f"so {M} bye"
