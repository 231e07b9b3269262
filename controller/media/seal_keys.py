"""The tenants' keys: which seals, which opens, and a recording's data key wrapped by one of them.

A file of keys has a line for each: its id, a blank, 32 bytes in base64. The last one seals.
"""

from __future__ import annotations

import base64
import fcntl
import os
import re
import secrets
import stat
import subprocess
import threading
import time
import uuid
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..config.sealing import EVERYBODY, SealingConfig
from ..engine.shelving import SHREDDED
from .errors import DoesNotOpen, SealingKeyError
from .sealing import SALT, FileSeal

if TYPE_CHECKING:
    from .ciphers import Cipher

#: What the name of a sealed file ends with.
SEALED = ".sealed"

_ID = re.compile(r"[A-Za-z0-9-]{1,40}")
_WRAP = b"tapeline-data-key-1:"
_NONCE = 12
_COMMAND_TIMEOUT_S = 30
#: A command is asked again after so long, for a key that it has got meanwhile.
_COMMAND_AGE_S = 300.0
#: And no sooner than this for a key that nobody knows.
_LOOK_AGAIN_S = 10.0


@dataclass(frozen=True, slots=True)
class SealKey:
    """One key of a tenant's (or of all): 32 bytes that never show in a text."""

    id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SealKey({self.id})"

    def wrap(self, data_key: bytes, salt: bytes) -> str:
        """What a file's row keeps: ``<key id>.<nonce and wrapped data key>.<salt>``."""
        nonce = os.urandom(_NONCE)
        wrapped = nonce + self._cipher().encrypt(nonce, data_key, _WRAP + self.id.encode())
        return ".".join((self.id, _text(wrapped), _text(salt)))

    def unwrap(self, wrapped: bytes) -> bytes:
        """The data key. Raises SealingKeyError."""
        try:
            nonce, rest = wrapped[:_NONCE], wrapped[_NONCE:]
            return self._cipher().decrypt(nonce, rest, _WRAP + self.id.encode())
        except (DoesNotOpen, ValueError) as error:
            raise SealingKeyError(
                f"the key {self.id} does not open what the catalog says was sealed with it: it has other "
                "bytes than then; put the right ones back into its file"
            ) from error

    def _cipher(self) -> Cipher:
        from .ciphers import Cipher

        return Cipher(self.secret)


def key_id(sealing: str) -> str:
    """Which key a row's ``sealing`` was wrapped with."""
    return sealing.partition(".")[0]


def is_shredded(sealing: str) -> bool:
    """Whether its data key was destroyed: nobody can open it any more."""
    return sealing.startswith(SHREDDED)


def salt_of(sealing: str) -> bytes:
    return _fields(sealing)[1]


def sealed_name(key: str, sealing: str) -> str:
    """Under which name a file lies that is sealed like this: the end of its salt is in it."""
    return f"{key}.{_fields(sealing)[1][-6:].hex()}{SEALED}"


def new_key(now: datetime | None = None) -> str:
    """A line for a file of keys. The id is nobody else's, on no machine."""
    at = now or datetime.now(UTC)
    return f"k{at:%Y%m%d}-{secrets.token_hex(4)} {base64.b64encode(os.urandom(32)).decode()}\n"


class KeySource:
    """The keys of one section, read again when its file changes. Blocking."""

    def __init__(self, section: SealingConfig) -> None:
        self.name = section.name
        self.tenants = section.tenants
        self._file = section.key_file
        self._command = section.key_command
        self._keys: tuple[SealKey, ...] = ()
        self._seen: object = None
        self._lock = threading.Lock()
        self._looked = -_COMMAND_AGE_S

    @property
    def where(self) -> str:
        """For people: where its keys come from."""
        return str(self._file) if self._file else f"what {self._command[0]} prints"

    def load(self, *, fresh: bool = False) -> tuple[SealKey, ...]:
        """Oldest first. Raises SealingKeyError if they cannot be read and never could be."""
        with self._lock:
            try:
                return self._read(fresh)
            except SealingKeyError:
                if self._keys:
                    return self._keys  # a vault that is away for a while stops nothing
                raise

    def check(self) -> tuple[SealKey, ...]:
        """The keys as they can be read now. Raises SealingKeyError."""
        with self._lock:
            self._seen = None
            return self._read(fresh=True)

    def _read(self, fresh: bool) -> tuple[SealKey, ...]:
        if self._file is None:
            age = time.monotonic() - self._looked
            if not self._keys or age > (_LOOK_AGAIN_S if fresh else _COMMAND_AGE_S):
                self._looked = time.monotonic()
                self._keys = _parsed(_printed(self.name, self._command), self.name, self.where)
            return self._keys
        try:
            found = self._file.stat()
            seen = (found.st_mtime_ns, found.st_size, found.st_ino)
            if seen != self._seen:
                self._keys = _parsed(self._file.read_bytes(), self.name, self.where)
                self._seen = seen
        except OSError as error:
            raise SealingKeyError(
                f"sealing.{self.name}: cannot read {self._file}: {error.strerror}: put it back, or make the "
                f"first key with tapeline sealing key new {self.name}"
            ) from error
        return self._keys

    def add(self) -> SealKey:
        """A new key behind the others, which seals from now on. Raises SealingKeyError."""
        if self._file is None:
            raise SealingKeyError(f"sealing.{self.name}: a command gives its keys: add one there")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self._file.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)  # of two that add a key neither may drop the other's
                if self._file.exists():
                    self.check()
                before = self._file.read_bytes() if self._file.exists() else b""
                _write(self._file, before.rstrip() + (b"\n" if before.strip() else b"") + new_key().encode())
            finally:
                os.close(folder)
        except OSError as error:
            raise SealingKeyError(
                f"sealing.{self.name}: cannot write {self._file}: {error.strerror}"
            ) from error
        return self.check()[-1]

    @property
    def too_open(self) -> str:
        """Who else may read the file, in people's words; "" if nobody may."""
        if self._file is None or not self._file.exists():
            return ""
        mode = stat.S_IMODE(self._file.stat().st_mode)
        return f"{self._file} may be read by others (mode {mode:04o})" if mode & 0o077 else ""


class Keyring:
    """All sections. Blocking, and safe in several threads."""

    def __init__(self, sections: Sequence[SealingConfig] = ()) -> None:
        self.sources = [KeySource(section) for section in sections]

    def source(self, tenant: str) -> KeySource | None:
        """The section whose keys seal this tenant's recordings; None: they are not sealed."""
        named = next((s for s in self.sources if tenant in s.tenants), None)
        return named or next((s for s in self.sources if EVERYBODY in s.tenants), None)

    def others(self, source: KeySource) -> Collection[str]:
        """The tenants that are not meant by this section's ``*``."""
        return [t for s in self.sources if s is not source for t in s.tenants if t != EVERYBODY]

    def newest(self, tenant: str) -> SealKey:
        """The key that seals. Raises SealingKeyError."""
        source = self.source(tenant)
        if source is None:
            raise SealingKeyError(f"no section of [[sealing]] is for the tenant {tenant!r}")
        return source.load()[-1]

    def find(self, wanted: str) -> SealKey:
        """Raises SealingKeyError, which names the key and what to do."""
        problems: list[str] = []
        for fresh in (False, True):
            problems.clear()
            for source in self.sources:
                try:
                    found = next((k for k in source.load(fresh=fresh) if k.id == wanted), None)
                except SealingKeyError as error:
                    problems.append(str(error))
                    continue
                if found is not None:
                    return found
        places = ", ".join(source.where for source in self.sources) or "any section of [[sealing]]"
        if problems:
            places += f" ({'; '.join(problems)})"
        raise SealingKeyError(
            f"the key {wanted} is not in {places}: what it sealed stays where it is and cannot be "
            "opened until that key is there again"
        )

    def data_key(self, sealing: str) -> bytes:
        """The recording's key out of a row's ``sealing``. Raises SealingKeyError."""
        return self.find(key_id(sealing)).unwrap(_fields(sealing)[0])

    def file_seal(self, sealing: str, sha256: str, size: int, name: str) -> FileSeal:
        """What a file is opened with. Raises SealingKeyError."""
        if is_shredded(sealing):
            raise SealingKeyError(f"{name}: the key of this recording was destroyed; nobody can open it")
        return FileSeal(self.data_key(sealing), _fields(sealing)[1], sha256, size, name)

    def rewrapped(self, sealing: str, key: SealKey) -> str:
        """The same data key and salt under another key. Raises SealingKeyError."""
        return key.wrap(self.data_key(sealing), _fields(sealing)[1])


def _fields(sealing: str) -> tuple[bytes, bytes]:
    try:
        _, wrapped, salt = sealing.split(".")
        fields = (_bytes(wrapped), _bytes(salt))
    except ValueError as error:
        raise SealingKeyError("the catalog's note of how this file was sealed is damaged") from error
    if len(fields[1]) != SALT:
        raise SealingKeyError("the catalog's note of how this file was sealed is damaged")
    return fields


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _parsed(raw: bytes, name: str, where: str) -> tuple[SealKey, ...]:
    """Raises SealingKeyError, which never says what was in the file."""
    found: list[SealKey] = []
    for number, line in enumerate(raw.decode("ascii", "replace").splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            secret = base64.b64decode(words[1], validate=True) if len(words) == 2 else b""
        except ValueError:
            secret = b""
        if not _ID.fullmatch(words[0]) or len(secret) != 32 or is_shredded(f"{words[0]}."):
            raise SealingKeyError(
                f"sealing.{name}: line {number} of {where} is no key: an id of letters, digits and -, a "
                "blank, 32 bytes in base64"
            )
        if any(key.id == words[0] for key in found):
            raise SealingKeyError(f"sealing.{name}: {where} has two keys with the id {words[0]}")
        found.append(SealKey(words[0], secret))
    if not found:
        raise SealingKeyError(f"sealing.{name}: {where} holds no key: make one with tapeline sealing key new")
    return tuple(found)


def _printed(name: str, command: Sequence[str]) -> bytes:
    try:
        done = subprocess.run(list(command), capture_output=True, timeout=_COMMAND_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired) as error:
        # The exception's own text may hold what was printed so far.
        raise SealingKeyError(
            f"sealing.{name}: key_command: {command[0]} took too long"
            if isinstance(error, subprocess.TimeoutExpired)
            else f"sealing.{name}: key_command: {command[0]} could not be run"
        ) from error
    if done.returncode != 0:
        raise SealingKeyError(
            f"sealing.{name}: key_command: {command[0]} ended with status {done.returncode}"
        )
    return done.stdout


def _write(file: Path, content: bytes) -> None:
    temp = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            if file.exists():  # the controller's user shall be able to read what another one adds
                before = file.stat()
                with suppress(PermissionError):
                    os.fchown(out.fileno(), before.st_uid, before.st_gid)
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        temp.replace(file)
        folder = os.open(file.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temp.unlink(missing_ok=True)
