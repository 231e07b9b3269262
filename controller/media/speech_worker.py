"""The process that holds the model: ``python -m controller.media.speech_worker``, sound in, words out.

A process of its own, because a model takes hundreds of megabytes and every core it is given: it is
niced and bounded, and gone with its memory when there is nothing to do. It ends with its parent: when
its input ends, whatever it is at.
"""

from __future__ import annotations

import os
import queue
import resource
import sys
import threading
from typing import IO, Any

import numpy as np

from .speech import read_frame, write_frame


def main() -> int:
    """Settings in the first frame, one answer a frame. Ends by itself when nothing comes for a while."""
    # Libraries print where they like; our answers get a channel of their own.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    frames: queue.Queue[tuple[dict[str, Any], bytes] | None] = queue.Queue(maxsize=2)
    threading.Thread(target=_read, args=(sys.stdin.buffer, frames), daemon=True).start()
    first = frames.get()
    if first is None:
        return 0
    settings = first[0]
    os.nice(settings["nice"])
    limit = settings["memory_mb"] * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        from .whisper import Whisper

        model = Whisper(settings["model"], settings["compute_type"], settings["threads"])
    except Exception as error:
        write_frame(answers, {"refused": f"{type(error).__name__}: {error}"[:500]})
        return 1
    write_frame(answers, {"ready": model.name})
    while True:
        try:
            frame = frames.get(timeout=settings["idle_s"])
        except queue.Empty:
            return 0
        if frame is None:
            return 0
        try:
            heard = model.hear(np.frombuffer(frame[1], "<i2"), frame[0]["language"])
        except MemoryError:
            raise
        except Exception as error:
            write_frame(answers, {"error": f"{type(error).__name__}: {error}"[:500]})
            continue
        words = [[w.text, w.from_ms, w.to_ms, w.sure] for w in heard.words]
        write_frame(answers, {"words": words, "language": heard.language})


def _read(stream: IO[bytes], frames: queue.Queue[tuple[dict[str, Any], bytes] | None]) -> None:
    while True:
        frame = read_frame(stream)
        if frame is None:
            # The parent has gone, or wants us to: nobody waits for the piece at hand any more.
            os._exit(0)
        frames.put(frame)


if __name__ == "__main__":
    sys.exit(main())
