"""Terms and queries, without a database."""

from __future__ import annotations

import pytest

from controller.catalog.terms import Asked, asked_of, place_of, terms_of


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Good morning, Harbour-Travel!", ["good", "morning", "harbour", "travel"]),
        ("STRASSE Straße ＡＢＣ", ["strasse", "strasse", "abc"]),
        ("a_b  'quoted' \"x\" -- */", ["a", "b", "quoted", "x"]),
        ("我要订船票 please", ["我", "要", "订", "船", "票", "please"]),
        ("\x00\ud800☎", []),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert terms_of(text) == terms


def test_a_query_is_words_and_phrases() -> None:
    assert asked_of('ferr "good morning" ferr') == [
        Asked(("ferr",), True),
        Asked(("good", "morning"), False),
    ]
    assert asked_of("船票") == [Asked(("船", "票"), True)]
    assert asked_of('"open end') == [Asked(("open",), True), Asked(("end",), True)]
    assert asked_of("*:&|!<>()\"'\\") == []
    assert len(asked_of(" ".join(f"w{n}" for n in range(500)))) == 12


def test_the_place_of_a_hit() -> None:
    words = ["Of", "course.", "Harbour-Travel", "here"]
    assert place_of(Asked(("harb",), True), words) == (2, 3)
    assert place_of(Asked(("harb",), False), words) is None
    assert place_of(Asked(("travel", "here"), False), words) == (2, 4)
    assert place_of(Asked(("course", "here"), False), words) is None
