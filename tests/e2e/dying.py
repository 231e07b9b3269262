"""`tapeline` that kills itself with -9 at a crash point: ``python -m tests.e2e.dying FILE serve …``.

Which one the file says; it is looked at every time, so that a test can wait with it, and removed before the
end, so that the next process lives.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from controller.cli import main
from controller.engine.crash_points import arm


def _die_where_it_says(file: Path) -> None:
    def reached(name: str) -> None:
        try:
            wanted = file.read_text()
        except FileNotFoundError:
            return
        if name == wanted:
            file.unlink()
            os.kill(os.getpid(), signal.SIGKILL)

    arm(reached)


if __name__ == "__main__":
    _die_where_it_says(Path(sys.argv.pop(1)))
    main()
