"""Runs of digits among words (card numbers, PINs), written or spelled out, and taking them out.

Whoever transcribes writes what it heard as ``4539 1488``, ``4-5-3-9``, ``four five three nine``,
``double five`` or a mixture. Too much taken out is a word missing; too little is a card number kept:
in doubt a word belongs to the run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from .transcripts import Word

#: What stands in the text for a run.
MARK = "[redacted]"

#: Two digits so far apart in time belong to two runs.
_LONGEST_GAP_MS = 10_000
#: How many words that are no digits may lie within a run (``four five uh six``).
_FILLERS_IN_A_ROW = 2
#: A word that was misheard in the middle of a number: so many digits on either side of it.
_AROUND_A_STRANGER = 3
#: A word's times are the engine's guess: the sound is taken out up to its neighbours, at most so much.
_MOST_MARGIN_MS = 700
_LEAST_MARGIN_MS = 200

#: language → the words of one digit, in order from 0; several for one are separated by "/".
_DIGITS: Mapping[str, str] = {
    "en": "zero/oh/o/nought/naught/nil one/won two three four/for/fore five six seven eight/ate nine/niner",
    "de": "null eins/ein/eine zwei/zwo drei vier fünf sechs sieben acht neun",
    "fr": "zéro/zero un/une deux trois quatre cinq six sept huit neuf",
    "es": "cero uno/un/una dos tres cuatro cinco seis siete ocho nueve",
    "it": "zero uno/un due tre quattro cinque sei sette otto nove",
    "pt": "zero um/uma dois/duas três/tres quatro cinco seis/meia sete oito nove",
    "nl": "nul een/één twee drie vier vijf zes zeven acht negen",
    "sv": "noll ett/en två tre fyra fem sex sju åtta nio",
    "pl": "zero jeden dwa trzy cztery pięć sześć siedem osiem dziewięć",
}
#: language → words that stand for two digits (39 as "thirty nine" counts three: no harm).
_TENS: Mapping[str, str] = {
    "en": "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty "
    "forty fourty fifty sixty seventy eighty ninety hundred thousand",
    "de": "zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn achtzehn neunzehn zwanzig dreißig "
    "vierzig fünfzig sechzig siebzig achtzig neunzig hundert tausend",
    "fr": "dix onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante cent mille",
    "es": "diez once doce trece catorce quince dieciséis diecisiete dieciocho diecinueve veinte treinta "
    "cuarenta cincuenta sesenta setenta ochenta noventa cien mil",
    "it": "dieci undici dodici tredici quattordici quindici sedici diciassette diciotto diciannove venti "
    "trenta quaranta cinquanta sessanta settanta ottanta novanta cento mille",
    "pt": "dez onze doze treze catorze quatorze quinze dezesseis dezessete dezoito dezenove vinte trinta "
    "quarenta cinquenta sessenta setenta oitenta noventa cem mil",
    "nl": "tien elf twaalf dertien veertien vijftien zestien zeventien achttien negentien twintig dertig "
    "veertig vijftig zestig zeventig tachtig negentig honderd duizend",
    "sv": "tio elva tolv tretton fjorton femton sexton sjutton arton nitton tjugo trettio fyrtio femtio "
    "sextio sjuttio åttio nittio hundra tusen",
    "pl": "dziesięć jedenaście dwanaście trzynaście czternaście piętnaście szesnaście siedemnaście "
    "osiemnaście dziewiętnaście dwadzieścia trzydzieści czterdzieści sto tysiąc",
}
_DOUBLES = {"double", "doppel", "doppelte", "doble", "doppio", "duplo", "dubbel", "dubbele", "dubbla"}
_TRIPLES = {"triple", "treble", "dreifach", "tripel", "triplo"}
_AMONG = """dash hyphen slash point dot space stop uh um er erm ah eh hm mm and then und y e et en och i
    strich punkt bindestrich äh ähm minus tiret euh guion punto trattino"""
_FILLERS = frozenset(_AMONG.split())
#: Words that are digits only among digits ("for" in "this is for you" is none).
_ONLY_AMONG_DIGITS = "o oh won for fore ate nil to too ein eine un una une en uma um sei due meia"
_HOMOPHONES = frozenset(_ONLY_AMONG_DIGITS.split())

_SPLIT = re.compile(r"[^\w]+|_+")


@dataclass(frozen=True, slots=True)
class Run:
    """The words ``first`` up to and without ``end``; ``from_ms``/``to_ms`` is the sound to take out."""

    first: int
    end: int
    digits: int
    from_ms: int
    to_ms: int


def digit_runs(words: Sequence[Word], least: int = 4, language: str = "") -> list[Run]:
    """One speaker's words, in order of time: where ``least`` digits or more follow each other.

    Spelled digits are looked for in ``language`` (and in English, which every model falls back on).
    """
    kinds = [_kind(word.text, language) for word in words]
    runs: list[Run] = []
    start = 0
    while start < len(words):
        if kinds[start].digits == 0 or kinds[start].weak:
            start += 1
            continue
        begin = _back(kinds, words, start, runs[-1].end if runs else 0)
        end, digits = _forth(kinds, words, begin)
        if digits >= least:
            runs.append(Run(begin, end, digits, *_sound(words, begin, end)))
        start = max(end, start + 1)
    return runs


def redacted(words: Sequence[Word], runs: Sequence[Run]) -> list[Word]:
    """The words with one mark in the place of each run; the punctuation behind it stays."""
    kept: list[Word] = []
    at = 0
    for run in runs:
        kept += words[at : run.first]
        last = words[run.end - 1].text
        ends = last[-1] if last[-1:] in ".,;?!" else ""
        kept.append(Word(MARK + ends, words[run.first].from_ms, words[run.end - 1].to_ms, 1.0, hidden=True))
        at = run.end
    return [*kept, *words[at:]]


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a word is to a run: so many ``digits``; a ``filler``; ``times`` the next digit."""

    digits: int = 0
    filler: bool = False
    times: int = 0
    weak: bool = False  # a digit among digits only


def _kind(text: str, language: str) -> _Kind:
    digits, strangers, weak, times = 0, 0, True, 0
    units, tens = _tables(language)
    for atom in _SPLIT.split(unicodedata.normalize("NFKC", text).casefold()):
        if not atom:
            continue
        figures = sum(c.isdecimal() for c in atom)
        if figures:
            # 4539 and 4th alike; a letter in the midst of figures is one more that was misheard.
            digits, weak = digits + figures, False
        elif atom in units:
            digits, weak = digits + max(1, times), weak and atom in _HOMOPHONES
            times = 0
        elif atom in tens:
            digits, weak = digits + 2, False
        elif atom in _DOUBLES or atom in _TRIPLES:
            times = 2 if atom in _DOUBLES else 3
        elif atom not in _FILLERS:
            strangers += 1
    if digits:
        return _Kind(digits + strangers, weak=weak and not strangers)
    if strangers:
        return _Kind()
    return _Kind(times=times) if times else _Kind(filler=True)


def _tables(language: str) -> tuple[frozenset[str], frozenset[str]]:
    found = _TABLES.get(language)
    if found is None:
        wanted = dict.fromkeys(("en", language.partition("-")[0].casefold()))
        units = {w for code in wanted for group in _DIGITS.get(code, "").split() for w in group.split("/")}
        tens = {w for code in wanted for w in _TENS.get(code, "").split()}
        found = _TABLES[language] = frozenset(units | {"to", "too"}), frozenset(tens)
    return found


_TABLES: dict[str, tuple[frozenset[str], frozenset[str]]] = {}


def _back(kinds: Sequence[_Kind], words: Sequence[Word], start: int, least: int) -> int:
    """Weak digits and a "double" right before the first sure one belong to it."""
    while start > least and _near(words, start - 1) and (kinds[start - 1].weak or kinds[start - 1].times):
        if not (kinds[start - 1].digits or kinds[start - 1].times):
            break
        start -= 1
    return start


def _forth(kinds: Sequence[_Kind], words: Sequence[Word], start: int) -> tuple[int, int]:
    """(the place behind the run's last digit, its digits)."""
    digits, end, fillers, times, strange = 0, start, 0, 0, False
    at = start
    while at < len(words) and (at == start or _near(words, at - 1)):
        kind = kinds[at]
        if kind.digits:
            digits += kind.digits * max(1, times) if kind.digits == 1 else kind.digits
            end, fillers, times = at + 1, 0, 0
        elif kind.times:
            times = kind.times
        elif kind.filler and fillers < _FILLERS_IN_A_ROW:
            fillers += 1
        elif not strange and digits >= _AROUND_A_STRANGER and _digits_from(kinds, words, at + 1):
            strange = True  # once in a run
        else:
            break
        at += 1
    return end, digits


def _digits_from(kinds: Sequence[_Kind], words: Sequence[Word], start: int) -> bool:
    """Whether enough digits follow from here, one right behind the other."""
    digits, at = 0, start
    while at < len(words) and _near(words, at - 1) and kinds[at].digits and digits < _AROUND_A_STRANGER:
        digits += kinds[at].digits
        at += 1
    return digits >= _AROUND_A_STRANGER


def _near(words: Sequence[Word], at: int) -> bool:
    return words[at + 1].from_ms - words[at].to_ms <= _LONGEST_GAP_MS


def _sound(words: Sequence[Word], first: int, end: int) -> tuple[int, int]:
    begin, finish = words[first].from_ms, words[end - 1].to_ms
    before = words[first - 1].to_ms if first else 0
    after = words[end].from_ms if end < len(words) else finish + _MOST_MARGIN_MS
    from_ms = min(max(before, begin - _MOST_MARGIN_MS), begin - _LEAST_MARGIN_MS)
    to_ms = max(min(after, finish + _MOST_MARGIN_MS), finish + _LEAST_MARGIN_MS)
    return max(0, from_ms), to_ms


def merged(spans: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Sorted, and those that overlap as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return tuple(found)
