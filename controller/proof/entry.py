"""One entry of the chain: a header that is hashed and signed, and a content that the header holds by hash.

A content can be left out (other people's data in a bundle) and the chain can still be verified.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from ..engine.chain import ChainRow
from . import canonical
from .errors import NotCanonical
from .signing import ENTRY, PUBLIC, Signer

VERSION: Final = 1
#: What the first entry of a chain has for the hash of the one before.
NOTHING: Final = "0" * 64

#: The kinds of entries that change how the next ones are checked.
BEGIN, KEY = "begin", "key"
#: Those that hold a recording's facts.
RECORDING, DISCARD = "recording", "discard"
#: After this one the whole recording may be gone; after this one the files that it names; in the trash
#: it is whole.
DELETION, ORIGINALS, TRASH = "deletion", "originals", "trash"

_HEADER = {"content", "key", "number", "previous", "sealed_at", "tenant", "version"}
_CONTENT = {"at", "kind", "payload", "salt", "source", "subject"}


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be sealed. ``at`` is when it happened; ``source`` and ``subject`` see ChainRow."""

    source: str
    subject: str
    at: datetime
    kind: str
    payload: dict[str, Any]
    marked_at: datetime | None = None


def sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def seal(
    draft: Draft, tenant: str, previous: ChainRow | None, signer: Signer, sealed_at: datetime
) -> ChainRow:
    """The entry that follows ``previous``. Raises NotCanonical."""
    content = canonical.dumps(
        {
            "at": canonical.time_text(draft.at),
            "kind": draft.kind,
            "payload": draft.payload,
            # Without it a content that is left out could be guessed and compared by its hash.
            "salt": secrets.token_hex(16),
            "source": draft.source,
            "subject": draft.subject,
        }
    )
    number = 1 if previous is None else previous.number + 1
    header = canonical.dumps(
        {
            "content": sha256(content),
            "key": signer.public,
            "number": number,
            "previous": NOTHING if previous is None else previous.hash,
            "sealed_at": canonical.time_text(sealed_at),
            "tenant": tenant,
            "version": VERSION,
        }
    )
    digest = hashlib.sha256(header).digest()
    return ChainRow(
        tenant, number, draft.source, draft.subject, draft.marked_at,
        header.decode(), content.decode(), digest.hex(), signer.sign(ENTRY, digest),
    )  # fmt: skip


def next_key(row: ChainRow) -> str:
    """Which key has to sign the entry after this one."""
    content = canonical.loads(row.content.encode())
    if content["kind"] == KEY:
        return str(content["payload"]["key"])
    return str(canonical.loads(row.header.encode())["key"])


def read_header(raw: Any) -> dict[str, Any]:
    """A header's value with all its keys and of the right types. Raises NotCanonical."""
    if not isinstance(raw, dict) or set(raw) != _HEADER:
        raise NotCanonical("its header does not have the keys that it should have")
    texts = all(isinstance(raw[k], str) for k in _HEADER - {"number", "version"})
    if not texts or type(raw["number"]) is not int or raw["version"] != VERSION:
        raise NotCanonical("its header is not of a version that this program knows")
    if not all(PUBLIC.fullmatch(raw[k]) for k in ("content", "key", "previous")):
        raise NotCanonical("a hash or a key in its header is not 64 letters of hex")
    return raw


def read_content(raw: Any) -> dict[str, Any]:
    """The same for a content."""
    if not isinstance(raw, dict) or set(raw) != _CONTENT or not isinstance(raw["payload"], dict):
        raise NotCanonical("its content does not have the keys that it should have")
    if not all(isinstance(raw[k], str) for k in _CONTENT - {"payload"}):
        raise NotCanonical("its content is not of a version that this program knows")
    return raw
