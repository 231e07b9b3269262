"""The captured AMI streams as events, and facts as a table that people can read."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from controller.config import AsteriskConfig
from controller.core import facts as f
from controller.switches.asterisk.headers import Headers
from controller.switches.asterisk.translate import Translator

CAPTURES = Path(__file__).parents[2] / "captures" / "asterisk"
LATER = datetime(2030, 1, 1, tzinfo=UTC)


def capture_bytes(name: str) -> bytes:
    """The raw bytes as Asterisk sent them, without the capture's note."""
    (path,) = CAPTURES.glob(f"{name}*.gz")
    return gzip.decompress(path.read_bytes()).split(b"\n", 2)[2]


def events(data: bytes) -> list[Headers]:
    """Frames as header dicts, by rules of our own: what panoramisk makes of them is tested against it."""
    found: list[Headers] = []
    for frame in data.decode("utf-8", "replace").split("\r\n\r\n"):
        headers: dict[str, str | list[str]] = {}
        for line in frame.split("\r\n"):
            key, colon, value = line.partition(": ")
            if colon:
                old = headers.get(key)
                if old is None:
                    headers[key] = value
                else:
                    headers[key] = [*([old] if isinstance(old, str) else old), value]
        if headers:
            found.append(headers)
    return found


def translator(**settings: object) -> Translator:
    config = AsteriskConfig.model_validate(
        {"kind": "asterisk", "name": "pbx", "password": "x", "spool": "/spool", "default_tenant": "acme.test"}
        | settings
    )
    ids = iter(range(1, 10**9))
    return Translator(config, lambda: f"Q{next(ids)}", lambda: LATER)


def story(facts: Iterable[f.LegFact], names: dict[str, str] | None = None) -> list[str]:
    """One line a fact; legs and bridges get short names in the order in which they appear."""
    names = {} if names is None else names

    def short(kind: str, key: str) -> str:
        return names.setdefault(key, f"{kind}{sum(1 for v in names.values() if v[0] == kind) + 1}")

    lines = []
    for fact in facts:
        leg = short("L", fact.leg_id)
        match fact:
            case f.LegStarted():
                way = f"calls {fact.dialled}" if fact.calling else f"is called {fact.dialled}".rstrip()
                origin = f" for {short('L', fact.origin)}" if fact.origin else ""
                lines.append(f"{leg} {way}{origin}")
            case f.LegIdentified(party=party) if party is not None:
                who = f"{party.user}@{party.tenant}" if party.internal else f"outside by {party.trunk}"
                lines.append(f"{leg} is {who} {party.number}".rstrip())
            case f.LegAnswered():
                lines.append(f"{leg} answered")
            case f.BridgeEntered():
                lines.append(f"{leg} enters {short('B', fact.bridge_id)}")
            case f.BridgeLeft():
                lines.append(f"{leg} leaves {short('B', fact.bridge_id)}")
            case f.LegHeld():
                lines.append(f"{leg} held")
            case f.LegUnheld():
                lines.append(f"{leg} unheld")
            case f.LegHungUp():
                lines.append(f"{leg} hung up: {fact.cause}")
            case _:
                lines.append(f"{leg} {fact}")
    return lines


def without_repeats(lines: list[str]) -> list[str]:
    """The table with what was said before left out: Asterisk says "answered" in four ways."""
    return list(dict.fromkeys(lines))
