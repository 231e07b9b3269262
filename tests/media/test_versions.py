"""A bucket that keeps old versions is told from one that does not, and the doctor warns of it."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.config import S3StoreConfig
from controller.doctor import _store as doctor


class Bucket(BaseHTTPRequestHandler):
    """What S3 answers of one object at a time; ``version`` is what it says of each, if anything."""

    files: dict[str, bytes]
    version: str

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"x"')
        self.send_header("Last-Modified", "Sun, 22 Nov 2026 12:00:00 GMT")
        if self.version:
            self.send_header("x-amz-version-id", self.version)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_PUT(self) -> None:
        self.files[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200)

    def do_GET(self) -> None:
        found = self.files.get(self.path)
        self._answer(404 if found is None else 200, found or b"")

    do_HEAD = do_GET

    def do_POST(self) -> None:
        """DeleteObjects."""
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        keys = re.findall("<Key>(.*?)</Key>", asked)
        for key in keys:
            del self.files[f"/tapes/{key}"]
        gone = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        self._answer(200, f"<DeleteResult>{gone}</DeleteResult>".encode())

    def log_message(self, *args: object) -> None:
        """Nothing to the tests' output."""


@pytest.fixture(params=["", "null", "3HL4kqtJlcpXroDTDmJ"])
def bucket(request: pytest.FixtureRequest) -> Iterator[tuple[S3StoreConfig, bool]]:
    kind = type("One", (Bucket,), {"files": {}, "version": request.param})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    config = S3StoreConfig.model_validate(
        {"kind": "s3", "name": "far", "bucket": "tapes", "region": "us-east-1", "timeout_s": 5,
         "endpoint": f"http://127.0.0.1:{server.server_address[1]}",
         "access_key_id": "a", "secret_access_key": "b"}
    )  # fmt: skip
    yield config, len(request.param) > 4
    server.shutdown()
    server.server_close()


def test_the_doctor_warns_of_old_versions(bucket: tuple[S3StoreConfig, bool]) -> None:
    config, versioned = bucket
    found = {check.what: check for check in doctor(config)}
    assert found["store"].ok, found["store"]
    assert ("versions" in found) is versioned
    if versioned:
        assert not found["versions"].ok
        assert "seal" in found["versions"].mend
    # Sealed, its old versions cannot be opened once the key is gone.
    assert all(check.ok for check in doctor(config, sealed=True))
