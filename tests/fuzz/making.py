"""Cases made up without knowing the code: good ones, cut, joined, repeated, with pieces put in."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from .seeds import PIECES, SEEDS

LONGEST = 6000


def made_up(name: str, cases: int, seed: int) -> Iterator[bytes]:
    """The same for the same arguments. The good ones come first."""
    yield from SEEDS[name][:cases]
    dice = Random(f"{name} {seed}")
    for _ in range(max(0, cases - len(SEEDS[name]))):
        case = bytearray(dice.choice(SEEDS[name]))
        for _ in range(dice.choice((1, 1, 2, 3, 5, 8))):
            _change(case, dice, name)
        yield bytes(case[:LONGEST])


def _change(case: bytearray, dice: Random, name: str) -> None:
    at = dice.randrange(len(case) + 1)
    end = min(len(case), at + dice.choice((1, 1, 2, 4, 8, 64)))
    match dice.randrange(8):
        case 0:
            case[at:at] = dice.choice(PIECES)
        case 1:
            case[at:end] = dice.choice(PIECES)
        case 2:
            case[at:end] = dice.randbytes(dice.choice((1, 2, 4, 16)))
        case 3:
            del case[at:end]
        case 4:
            del case[at:]
        case 5:
            case[at:at] = case[at:end] * dice.choice((1, 2, 100))
        case 6:
            other = dice.choice(SEEDS[name])
            case[at:] = other[dice.randrange(len(other)) :]
        case _:
            if at < len(case):
                case[at] ^= 1 << dice.randrange(8)
