"""`tapeline` on a machine whose wall clock a test sets: ``python -m tests.retention.clocked FILE serve …``.

The file says by how many seconds, and is read every time.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.engine import ids


def _set_by(file: Path) -> None:
    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text()))

    ids.now = now


if __name__ == "__main__":
    _set_by(Path(sys.argv.pop(1)))
    # Not before: whoever imports the clock is to get this one.
    from controller.cli import main

    main()
