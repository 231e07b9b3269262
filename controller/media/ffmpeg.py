"""Running ffmpeg and its like: found or missing, on a leash, with the last words of what went wrong."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .errors import JoinError

#: Arguments before an input from a call: one format, local files, nothing that a file may refer to.
INPUT = ("-protocol_whitelist", "file", "-f", "mov", "-i")

#: ffmpeg asks nothing, says only what is wrong, and replaces what is there.
QUIET = ("-nostdin", "-hide_banner", "-v", "error", "-y")


_H264 = {"libx264": ("-preset", "veryfast", "-crf", "23"), "libopenh264": ("-b:v", "1M")}


class NoFfmpeg(JoinError):
    """It is not installed, or cannot do what is needed."""


def find(name: str) -> str | None:
    return shutil.which(name)


def argument(path: Path) -> str:
    """A file argument that ffmpeg can take neither for an option nor for another protocol."""
    return f"file:{path.resolve()}"


def h264() -> list[str]:
    """How to have pictures encoded by the H.264 encoder that this ffmpeg has. Raises NoFfmpeg. Blocking."""
    listed = run([_ffmpeg(), "-hide_banner", "-encoders"], 60)
    for name, how in _H264.items():
        if f" {name} " in listed:
            return ["-c:v", name, *how, "-pix_fmt", "yuv420p", "-threads", "2"]
    raise NoFfmpeg("this ffmpeg cannot write H.264: install one with libx264")


def command(*arguments: str) -> list[str]:
    """ffmpeg with these arguments, quiet, and giving way to whatever else the machine does."""
    return [*gently(10), _ffmpeg(), *QUIET, *arguments]


def gently(nice: int) -> list[str]:
    """What goes before a program so that a switch on the same machine does not suffer. From 19 on it
    gets the disk, too, only when nobody else wants it."""
    found, idle = find("nice"), find("ionice") if nice >= 19 else None
    return [*((found, "-n", str(nice)) if found else ()), *((idle, "-c", "3") if idle else ())]


def run(arguments: Sequence[str], timeout_s: float) -> str:
    """What it printed. Raises JoinError with what it said about its failure. Blocking."""
    try:
        done = subprocess.run(
            arguments, capture_output=True, timeout=timeout_s, check=True, stdin=subprocess.DEVNULL
        )
    except subprocess.CalledProcessError as error:
        raise JoinError(f"ffmpeg failed: {_words(error.stderr)}") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise JoinError(f"ffmpeg failed: {error}") from error
    return done.stdout.decode("utf-8", "replace")


class Piped:
    """A program that we write to or read from, block by block. ``name`` is for what is said of it."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        said: IO[bytes],
        stopped: Callable[[], bool],
        name: str = "ffmpeg",
    ) -> None:
        self._process = process
        self._said = said
        self._stopped = stopped
        self._name = name
        self._fed: threading.Thread | None = None
        self._starved: Exception | None = None

    def feed(self, blocks: Iterator[bytes]) -> None:
        """Write these in a thread, so that what comes out can be read meanwhile."""

        def work() -> None:
            stdin = self._process.stdin
            assert stdin is not None
            try:
                for block in blocks:
                    stdin.write(block)
            except BrokenPipeError:
                return  # it has enough, or has failed: `finish` says which
            except Exception as error:
                # The store is away, say. What came out so far must not pass for the whole.
                self._starved = error
            finally:
                _close(stdin)

        self._fed = threading.Thread(target=work, daemon=True)
        self._fed.start()

    def write(self, block: bytes) -> None:
        """Raises JoinError if it has given up, or we shall."""
        if self._stopped():
            raise JoinError("the controller stops; it is done again when it is back")
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(block)
        except OSError as error:
            self._process.wait(60)
            raise JoinError(f"{self._name} gave up: {self.words() or error}") from error

    def read(self, length: int) -> bytes:
        """So many bytes, or fewer at the end. Raises JoinError if we stop."""
        if self._stopped():
            raise JoinError("the controller stops; it is done again when it is back")
        assert self._process.stdout is not None
        return self._process.stdout.read(length)

    def finish(self) -> None:
        """Nothing more comes: wait for it. Raises JoinError if it fails."""
        if self._fed is not None:
            self._fed.join()
            if self._starved is not None:
                raise JoinError(f"{self._name} was not given all of it: {self._starved}") from self._starved
        elif self._process.stdin is not None:
            try:
                self._process.stdin.close()
            except OSError:
                self._process.kill()  # what it has to say about that comes next
        if self._process.wait() != 0:
            raise JoinError(f"{self._name} failed: {self.words() or f'code {self._process.returncode}'}")

    def settle(self) -> None:
        """The program has gone: wait for whoever feeds it to notice."""
        if self._fed is not None:
            self._fed.join()

    def words(self) -> str:
        self._said.seek(0)
        return _words(self._said.read())


@contextmanager
def piped(
    arguments: Sequence[str],
    limit_s: float,
    *,
    writing: bool,
    stopped: Callable[[], bool] = lambda: False,
    feed: Iterator[bytes] | None = None,
    name: str = "ffmpeg",
) -> Iterator[Piped]:
    """Start one that takes its input from us (``writing``) or gives us its output, perhaps of what it
    is fed with. It is killed on leaving, and after ``limit_s`` in any case. Raises JoinError."""
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    with tempfile.TemporaryFile() as said:  # a pipe that nobody reads would stop it
        try:
            process = subprocess.Popen(
                arguments,
                stdin=pipe if writing or feed is not None else nothing,
                stdout=nothing if writing else pipe,
                stderr=said,
            )
        except OSError as error:
            raise JoinError(f"{name} failed: {error}") from error
        leash = threading.Timer(limit_s, process.kill)
        leash.daemon = True
        leash.start()
        running = Piped(process, said, stopped, name)
        try:
            if feed is not None:
                running.feed(feed)
            yield running
        finally:
            leash.cancel()
            process.kill()
            process.wait()
            running.settle()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)


def _close(stream: IO[bytes]) -> None:
    try:
        stream.close()
    except OSError:
        return  # what was still to be written to a process that has gone


def _ffmpeg() -> str:
    found = find("ffmpeg")
    if found is None:
        raise NoFfmpeg(
            "joining video segments needs ffmpeg: install it. The segments are in the store, each by itself"
        )
    return found


def _words(said: bytes) -> str:
    return " ".join(said.decode("utf-8", "replace").split())[-400:]
