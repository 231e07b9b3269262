"""A bucket of an S3-compatible store (obstore). The only module that knows obstore."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ..config.storage import S3StoreConfig
from .ahead import ahead
from .errors import StoreAway, StoreError
from .store import Found, checked_key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Config  # they are there for the type checker only

#: Up to here a file goes in one request; larger ones in parts of this size.
PART = 8 << 20
_PARTS_AT_ONCE = 3
_BLOCK = 1 << 20
_AHEAD_FROM = 4 * _BLOCK
_LIST_AT_ONCE = 1000
#: Within one call. Longer outages are the mover's: it comes again, for days if need be.
_RETRIES = 2
_REFUSED = re.compile(r"status code: 40[13]\b")
_MESSAGE = re.compile(r"<Message>([^<]+)</Message>")


class S3Shelf:
    """All methods block: call them in a thread. Raises StoreAway if the server does not do it."""

    def __init__(self, config: S3StoreConfig) -> None:
        self.name = config.name
        self.where = f"bucket {config.bucket}" + (f" at {config.endpoint}" if config.endpoint else "")
        options: S3Config = {
            "bucket": config.bucket,
            "region": config.region,
            "virtual_hosted_style_request": config.virtual_hosted,
        }
        if config.endpoint is not None:
            options["endpoint"] = config.endpoint
        secret = config.secret()
        if config.access_key_id is not None and secret is not None:
            options |= {"access_key_id": config.access_key_id, "secret_access_key": secret}
        if config.server_side_encryption is not None:
            options["server_side_encryption"] = config.server_side_encryption
        if config.kms_key_id is not None:
            options["sse_kms_key_id"] = config.kms_key_id
        client: ClientConfig = {
            "timeout": timedelta(seconds=config.timeout_s),
            "connect_timeout": timedelta(seconds=min(5.0, config.timeout_s)),
            "allow_http": (config.endpoint or "").startswith("http://"),
        }
        try:
            self._store = S3Store(
                prefix=config.prefix.strip("/") or None,
                config=options,
                client_options=client,
                retry_config={
                    "max_retries": _RETRIES,
                    "retry_timeout": timedelta(seconds=config.timeout_s),
                    "backoff": {"max_backoff": timedelta(seconds=2)},
                },
            )
        except (BaseError, ValueError) as error:
            raise StoreError(f"stores.{config.name}: {_first_line(error)}") from error

    def put(self, key: str, blocks: Iterator[bytes], size: int) -> None:
        """These bytes under this key, all of them or nothing. What ``blocks`` raises is passed on."""
        checked_key(key)
        try:
            if size <= PART:
                obstore.put(self._store, key, b"".join(blocks), use_multipart=False)
            else:
                obstore.put(
                    self._store,
                    key,
                    blocks,
                    use_multipart=True,
                    chunk_size=PART,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        except BaseError as error:
            self._unreachable(f"cannot store {key}", error)

    def size(self, key: str) -> int | None:
        """In bytes; None if there is no such key."""
        checked_key(key)
        try:
            return obstore.head(self._store, key)["size"]
        except FileNotFoundError:
            return None
        except BaseError as error:
            self._unreachable(f"cannot look for {key}", error)

    def versioned(self, key: str) -> bool:
        """Whether the bucket keeps old versions, told by a file that is there: what is removed stays then."""
        try:
            return obstore.head(self._store, checked_key(key))["version"] not in (None, "", "null")
        except FileNotFoundError as error:
            raise StoreError(f"{key} is missing from the store {self.name}") from error
        except BaseError as error:
            self._unreachable(f"cannot look for {key}", error)

    def read(self, key: str, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        """From ``start`` on, ``length`` bytes or up to the end, in blocks. Raises StoreError."""
        blocks = self._read(key, start, length)
        # What fits into a few blocks is there before a thread has begun.
        small = length is not None and length <= _AHEAD_FROM
        yield from blocks if small else ahead(blocks)

    def _read(self, key: str, start: int, length: int | None) -> Iterator[bytes]:
        checked_key(key)
        if length is not None and length <= 0:
            return
        try:
            if length is not None:
                found = obstore.get(self._store, key, options={"range": (start, start + length)})
            elif start:
                found = obstore.get(self._store, key, options={"range": {"offset": start}})
            else:
                found = obstore.get(self._store, key)
            for block in found.stream(min_chunk_size=_BLOCK):
                yield bytes(block)
        except FileNotFoundError as error:
            raise StoreError(f"{key} is missing from the store {self.name}") from error
        except BaseError as error:
            self._unreachable(f"cannot read {key}", error)

    def delete(self, key: str) -> None:
        """A key that is not there is no error."""
        checked_key(key)
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return
        except BaseError as error:
            self._unreachable(f"cannot remove {key}", error)

    def listing(self, prefix: str = "") -> Iterator[Found]:
        """Every key that begins with this. The server's pages are asked for as they are needed."""
        folder = prefix.rpartition("/")[0]
        try:
            # The server's own prefix means whole folders; the offset leaves out what comes before ours.
            for page in obstore.list(
                self._store, folder or None, offset=prefix or None, chunk_size=_LIST_AT_ONCE
            ):
                for found in page:
                    if prefix and not found["path"].startswith(prefix):
                        if found["path"] > prefix:
                            return  # they come in order: all of ours are over
                        continue
                    yield Found(found["path"], found["size"], found["last_modified"].timestamp())
        except BaseError as error:
            self._unreachable(f"cannot list {prefix}" if prefix else "cannot list the files", error)

    def _unreachable(self, attempt: str, error: BaseError) -> NoReturn:
        # A listing that is refused is a generic error of obstore's.
        refused = isinstance(error, PermissionDeniedError | UnauthenticatedError) or _REFUSED.search(
            str(error)
        )
        words = _first_line(error)
        raise StoreAway(
            f"store {self.name}: {attempt}: {words}: the access key of stores.{self.name} may "
            f"not do that in the {self.where}"
            if refused
            else f"store {self.name}: {attempt}: {words}: look after the {self.where}: "
            "it is tried again, and nothing is removed meanwhile"
        ) from error


def _first_line(error: BaseException) -> str:
    """obstore tells everything it knows, over many lines; what the server said is in the first, or in XML."""
    text = str(error).strip()
    lines = text.splitlines() or [type(error).__name__]
    first, message = lines[0].partition("<?xml")[0].rstrip(": "), _MESSAGE.search(text)
    return first[:300] + (f": {message[1][:200]}" if message else "")
