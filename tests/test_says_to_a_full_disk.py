"""What `tapeline serve` says goes to a disk that takes nothing: it works all the same, and ends well."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="NO /dev/full: what a full disk does to the log IS NOT TESTED")
def test_it_lives_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = tmp_path / "tapeline.toml"
    (tmp_path / "spool").mkdir()
    # A switch that is down is told of again and again.
    config.write_text(
        f'[web]\nport = {port}\n[[switches]]\nname = "pbx"\nkind = "asterisk"\nhost = "127.0.0.1"\nport = 9\n'
        f'username = "tapeline"\npassword = "x"\nspool = "{tmp_path}/spool"\n'
    )
    with FULL.open("wb") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "controller", "serve", "--config", config], stdout=full, stderr=full
        )
    try:
        deadline, answer = time.monotonic() + 60, b""
        while not answer:
            assert process.poll() is None, "a line of its log has ended it"
            assert time.monotonic() < deadline
            time.sleep(0.1)
            with (
                contextlib.suppress(OSError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as found,
            ):
                answer = found.read()
        time.sleep(1.5)  # another line or two
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, 120), "120: Python could not flush its standard output"
    finally:
        process.kill()
        process.wait()
