"""Whether an evidence bundle is as it was made: its list, its files, its chain, each recording.

Needs no database, no configuration and no network. Memory does not grow with the audio or the chain.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from . import canonical
from .absence import Absences
from .archive import ArchiveReader, Member, Progress, Unreadable
from .bundle import CHAIN, FORMAT, MANIFEST_FILE, SIGNATURE, audio_name, folder
from .chaincheck import ChainChecker, Line, Sealed
from .entry import DISCARD, RECORDING
from .errors import NotCanonical
from .facts import is_facts
from .signing import MANIFEST, verified
from .verdict import Anchor, Verdict

_LONGEST_LINE = 4 << 20
_LARGEST_DOCUMENT = 48 << 20
_MANIFEST = {"chain", "exported_at", "exported_by", "files", "format", "recordings", "tenant"}


def verify_bundle(
    path: Path,
    *,
    key: str | None = None,
    anchors: Iterable[Anchor] = (),
    progress: Progress = lambda n: None,
) -> Verdict:
    """Everything in the bundle against the chain in it. ``key``: a public key (hex) that is trusted.

    Raises OSError if the file cannot be read at all; whatever is in it ends in the verdict.
    """
    with path.open("rb") as file:
        verdict = Verdict()
        try:
            _Bundle(file, verdict, key, tuple(anchors), progress).verify()
        except Unreadable as error:
            verdict.report("the bundle", str(error))
        return verdict


class _Bundle:
    def __init__(
        self, file: BinaryIO, verdict: Verdict, key: str | None, anchors: Sequence[Anchor], progress: Progress
    ) -> None:
        self._verdict = verdict
        self._report = verdict.report
        self._archive = ArchiveReader(file)
        self._members: dict[str, Member] = {}
        self._key = key
        self._anchors = anchors
        self._progress = progress
        self._hashes: dict[str, str] = {}
        self._sealed: dict[str, Sealed] = {}
        self._absences: dict[str, Absences] = defaultdict(Absences)

    def verify(self) -> None:
        for member in self._archive.members:
            if member.name in self._members:
                self._report(member.name, "it is in the bundle twice")
            if not self._archive.envelope_intact(member):
                self._report(member.name, "its header in the ZIP file was changed")
            self._members[member.name] = member
        manifest = self._manifest()
        for member in self._archive.members:
            self._hash(member)
        if manifest is None:
            return
        self._listed(manifest)
        checker = self._chain(manifest)
        self._who_signed(manifest, checker)
        self._recordings(manifest)

    # ── the signed list ───────────────────────────────────────────────────────────────────

    def _document(self, name: str) -> bytes | None:
        member = self._members.get(name)
        if member is None:
            self._report(name, "it is missing")
            return None
        if member.size > _LARGEST_DOCUMENT:
            self._report(name, "it is larger than such a file ever is")
            return None
        return b"".join(self._archive.blocks(member))

    def _value(self, name: str) -> tuple[bytes, Any] | None:
        raw = self._document(name)
        if raw is None:
            return None
        try:
            return raw, canonical.loads(raw)
        except NotCanonical as error:
            self._report(name, f"it was changed: {error}")
            return None

    def _manifest(self) -> dict[str, Any] | None:
        found, signature = self._value(MANIFEST_FILE), self._value(SIGNATURE)
        if found is None:
            return None
        raw = found[0]
        manifest: dict[str, Any] = found[1]
        if not _is_manifest(manifest):
            self._report(MANIFEST_FILE, "it is not the list of a bundle that this program knows")
            return None
        if signature is None:
            return manifest
        sealed = signature[1]
        if not isinstance(sealed, dict) or set(sealed) != {"key", "signature"}:
            self._report(SIGNATURE, "it is no signature")
            return manifest
        digest = hashlib.sha256(raw).digest()
        key, letters = str(sealed["key"]), str(sealed["signature"])
        if not verified(key, MANIFEST, digest, letters):
            self._report(
                MANIFEST_FILE, "its signature does not fit: the list of the bundle's files was changed"
            )
        else:
            self._verdict.keys.append(key)
        return manifest

    def _hash(self, member: Member) -> None:
        hasher = hashlib.sha256()
        for block in self._archive.blocks(member):
            hasher.update(block)
            self._progress(len(block))
        self._hashes[member.name] = hasher.hexdigest()

    def _listed(self, manifest: dict[str, Any]) -> None:
        order = [m.name for m in self._archive.members if m.name not in (MANIFEST_FILE, SIGNATURE)]
        listed = {f["path"]: None for f in manifest["files"]}
        for file in manifest["files"]:
            name = file["path"]
            if name not in self._members:
                self._report(name, "it is missing from the bundle")
            elif (self._hashes[name], self._members[name].size) != (file["sha256"], file["size"]):
                self._report(name, "it was changed after the bundle was made")
        for name in order:
            if name not in listed:
                self._report(name, "it was added to the bundle afterwards")
        if set(order) == set(listed) and order != list(listed):
            self._report("the bundle", "its files stand in another order than they were put in")

    # ── the chain ─────────────────────────────────────────────────────────────────────────

    def _chain(self, manifest: dict[str, Any]) -> ChainChecker:
        tenant, wanted = manifest["tenant"], set(manifest["recordings"])
        mine = {a.number: a.hash for a in self._anchors if a.tenant == tenant}
        if self._anchors and not mine:
            # A file with the heads of every chain is a good thing to keep: one of them has to fit.
            named = ", ".join(sorted({a.tenant or "the system" for a in self._anchors}))
            self._report("the anchor", f"it is of another tenant ({named}) than the bundle ({tenant})")
        checker = ChainChecker(tenant, self._report, mine)
        member = self._members.get(CHAIN)
        for raw in self._archive.lines(member, _LONGEST_LINE) if member else ():
            try:
                if raw is None:
                    raise NotCanonical("it has no end, or is longer than an entry ever is")
                line = Line.read(raw)
            except NotCanonical as error:
                checker.unreadable(str(error))
                continue
            sealed = checker.add(line)
            if sealed and sealed.content and (about := sealed.content["subject"]) in wanted:
                if sealed.content["kind"] in (RECORDING, DISCARD):
                    self._sealed[about] = sealed
                self._absences[about].add(sealed.number, sealed.content)
        checker.end()
        head = manifest["chain"]
        if (checker.last, checker.last_hash) != (head["number"], head["hash"]):
            what = (
                f"it ends with entry {checker.last}; when the bundle was made it ended with {head['number']}"
            )
            self._report("the chain", what)
        self._verdict.entries = checker.entries
        return checker

    def _who_signed(self, manifest: dict[str, Any], checker: ChainChecker) -> None:
        for key in self._verdict.keys:
            # The list may be signed by the key that the chain handed over to a moment before.
            if key not in checker.keys and key != checker.next_key:
                self._report(MANIFEST_FILE, f"it is signed with a key ({key[:16]}…) that is not the chain's")
        self._verdict.keys = sorted(checker.keys | set(self._verdict.keys))
        if self._key is None:
            self._verdict.notes.append(
                "no key was given: whether this key is the recorder's you have to ask those who run it: "
                + ", ".join(self._verdict.keys)
            )
        elif self._key not in checker.keys:
            self._report("the chain", f"none of it is signed with the key that you trust ({self._key})")
        if not any(a.tenant == manifest["tenant"] for a in self._anchors):
            self._verdict.notes.append(
                "no anchor was given: an end that was cut off before the bundle was made would not be noticed"
            )

    # ── recordings ────────────────────────────────────────────────────────────────────────

    def _recordings(self, manifest: dict[str, Any]) -> None:
        there: dict[str, set[str]] = defaultdict(set)
        for name in self._members:
            if name.startswith("recordings/"):
                there["/".join(name.split("/")[:2])].add(name)
        for recording_id in manifest["recordings"]:
            self._recording(recording_id, manifest["tenant"], there.pop(folder(recording_id), set()))
        for name in sorted(set().union(*there.values())):
            self._report(name, "it belongs to no recording of the bundle")

    def _recording(self, recording_id: str, tenant: str, there: set[str]) -> None:
        self._verdict.recordings += 1
        where = f"recording {recording_id}"
        sealed = self._sealed.get(recording_id)
        if sealed is None or sealed.content is None:
            self._report(where, "no entry of the chain tells of it")
            return
        facts, entry = sealed.content["payload"], f"entry {sealed.number}"
        if facts.get("recording") != recording_id or facts.get("tenant") != tenant:
            self._report(where, f"{entry} tells of another one")
        name = f"{folder(recording_id)}/metadata.json"
        found = self._value(name)
        told = {"entry": sealed.number, "facts": facts, "hash": sealed.hash}
        if found is not None and found[1] != told:
            self._report(name, f"it does not say what {entry} says{_differs(found[1], facts)}")
        expected = {name}
        if not is_facts(facts):
            self._report(where, f"{entry} does not name its files as this program knows it")
            return
        for file in facts["files"]:
            audio = audio_name(recording_id, file)
            expected.add(audio)
            self._verdict.files += 1
            if audio not in self._members:
                if later := self._absences[recording_id].why(file):
                    why = f"entry {later} tells of its deletion"
                    self._verdict.notes.append(f"{audio} is not in the bundle: {why}")
                else:
                    self._report(audio, f"it is missing; {entry} seals it")
            elif self._hashes[audio] != file["sha256"]:
                self._report(audio, f"it was changed: its SHA-256 is not the one that {entry} seals")
        for other in sorted(there - expected):
            self._report(other, f"{entry} knows nothing of this file")


def _is_manifest(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != _MANIFEST or value["format"] != FORMAT:
        return False
    chain = value["chain"]
    return (
        isinstance(value["tenant"], str)
        and isinstance(chain, dict)
        and set(chain) == {"hash", "number"}
        and isinstance(value["recordings"], list)
        and all(isinstance(r, str) for r in value["recordings"])
        and isinstance(value["files"], list)
        and all(isinstance(f, dict) and set(f) == {"path", "sha256", "size"} for f in value["files"])
        and all(isinstance(f["path"], str) for f in value["files"])
    )


def _differs(told: Any, facts: dict[str, Any]) -> str:
    """Which of the facts, as far as that can be said."""
    if not isinstance(told, dict) or not isinstance(told.get("facts"), dict):
        return ""
    other = told["facts"]
    names = [k for k in sorted(facts.keys() | other.keys()) if facts.get(k) != other.get(k)]
    return f" about {', '.join(names)}" if names else ""
