"""What was said in a recording: words with times, grouped into utterances, and its three written forms."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .errors import TapelineError

FORMAT = 1

#: The channel of an utterance of which nobody knows who said it: one channel, several people.
UNKNOWN = -1

#: A longer silence between two words of one speaker begins another utterance.
_PAUSE_MS = 1200
_LONGEST_MS = 15_000
_ENDS = (".", "?", "!", "。", "？", "！", "؟", "।")


class InvalidTranscript(TapelineError):
    """Not a transcript as this version writes it."""


@dataclass(frozen=True, slots=True)
class Word:
    """``from_ms``/``to_ms`` on the recording's time line; ``sure`` 0 to 1 by the engine's own judgement.

    ``text`` as it is written, with its punctuation. ``hidden``: it stands for digits that were taken out.
    """

    text: str
    from_ms: int
    to_ms: int
    sure: float = 1.0
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Utterance:
    """What one speaker said in one go. ``channel`` 0 is the left, 1 the right, UNKNOWN neither."""

    channel: int
    speaker: str
    words: tuple[Word, ...]

    @property
    def from_ms(self) -> int:
        return self.words[0].from_ms

    @property
    def to_ms(self) -> int:
        return max(w.to_ms for w in self.words)

    @property
    def text(self) -> str:
        return " ".join(w.text for w in self.words)


@dataclass(frozen=True, slots=True)
class Transcript:
    """``redacted``: digit runs were taken out of it; ``runs`` counts them, ``spans`` says where, in ms.

    ``source`` is the SHA-256 of the file that was listened to.
    """

    language: str
    engine: str
    source: str
    utterances: tuple[Utterance, ...]
    redacted: bool = False
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def runs(self) -> int:
        return len(self.spans)


def utterances(channel: int, speaker: str, words: Iterable[Word]) -> Iterator[Utterance]:
    """One channel's words, in order of time, in sentences of a sensible length."""
    held: list[Word] = []
    for word in words:
        if held and (
            word.from_ms - held[-1].to_ms > _PAUSE_MS
            or word.to_ms - held[0].from_ms > _LONGEST_MS
            or (held[-1].text.endswith(_ENDS) and not word.hidden)
        ):
            yield Utterance(channel, speaker, tuple(held))
            held = []
        held.append(word)
    if held:
        yield Utterance(channel, speaker, tuple(held))


def in_order(found: Iterable[Utterance]) -> tuple[Utterance, ...]:
    """As they were said; of two that began together, the left one first."""
    return tuple(sorted(found, key=lambda u: (u.from_ms, u.channel, u.to_ms)))


# ── JSON: what is stored ──────────────────────────────────────────────────────────────────────


def as_mapping(transcript: Transcript) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "language": transcript.language,
        "engine": transcript.engine,
        "source_sha256": transcript.source,
        "redacted": transcript.redacted,
        "redacted_spans_ms": [list(span) for span in transcript.spans],
        "utterances": [
            {
                "channel": u.channel,
                "speaker": u.speaker,
                "from_ms": u.from_ms,
                "to_ms": u.to_ms,
                "text": u.text,
                "words": [word_mapping(w) for w in u.words],
            }
            for u in transcript.utterances
        ],
    }


def word_mapping(word: Word) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "text": word.text,
        "from_ms": word.from_ms,
        "to_ms": word.to_ms,
        "sure": round(word.sure, 2),
    }
    return plain | {"hidden": True} if word.hidden else plain


def word_of(plain: Mapping[str, Any]) -> Word:
    return Word(
        plain["text"], plain["from_ms"], plain["to_ms"], plain.get("sure", 1.0), plain.get("hidden", False)
    )


def as_json(transcript: Transcript) -> bytes:
    """The same transcript always gives the same bytes."""
    text = json.dumps(as_mapping(transcript), ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8", "replace")


def from_json(content: bytes) -> Transcript:
    """Raises InvalidTranscript."""
    try:
        plain = json.loads(content)
        if plain["format"] != FORMAT:
            raise InvalidTranscript(
                f"a transcript of format {plain['format']!r}; this version knows {FORMAT}"
            )
        return Transcript(
            plain["language"],
            plain["engine"],
            plain["source_sha256"],
            tuple(
                Utterance(u["channel"], u["speaker"], tuple(word_of(w) for w in u["words"]))
                for u in plain["utterances"]
            ),
            plain["redacted"],
            tuple((int(a), int(b)) for a, b in plain["redacted_spans_ms"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidTranscript(f"not a transcript: {type(error).__name__}") from error


# ── for people and players ────────────────────────────────────────────────────────────────────


def as_vtt(spoken: Sequence[Utterance]) -> str:
    """WebVTT (W3C), a cue an utterance, its speaker as the voice."""
    cues = [
        f"{_vtt_time(u.from_ms)} --> {_vtt_time(max(u.to_ms, u.from_ms + 1))}\n"
        f"<v {_vtt(u.speaker) or 'unknown'}>{_vtt(u.text)}\n"
        for u in spoken
    ]
    return "\n".join(["WEBVTT\n", *cues])


def as_text(spoken: Sequence[Utterance]) -> str:
    """A line an utterance: ``[1:02] 101 (Ann): Good morning.``"""
    lines = [f"[{_clock(u.from_ms)}] {_line(u.speaker) or 'unknown'}: {_line(u.text)}" for u in spoken]
    return "".join(f"{line}\n" for line in lines)


def _vtt(text: str) -> str:
    # A line break would end the cue, "-->" begin another, and a tag be taken for a tag.
    return _line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _vtt_time(ms: int) -> str:
    seconds, rest = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{rest:03}"


def _clock(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def shifted(words: Iterable[Word], by_ms: int) -> list[Word]:
    return [replace(w, from_ms=w.from_ms + by_ms, to_ms=w.to_ms + by_ms) for w in words]
