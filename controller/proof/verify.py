"""Verifies an evidence bundle offline: ``python -m controller.proof.verify BUNDLE.zip``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .bundle_check import verify_bundle
from .errors import ProofError
from .signing import read_public
from .verdict import Anchor


def read_key(text: str) -> str:
    """A public key from the command line: itself, or a file that holds it. Raises ProofError, OSError."""
    path = Path(text)
    try:
        is_file = path.is_file()
    except OSError:  # a name too long to be one
        is_file = False
    return read_public(path.read_text(encoding="utf-8", errors="replace") if is_file else text)


def main(arguments: Sequence[str] | None = None) -> int:
    """0: all is as it was sealed; 1: it is not; 2: it could not be looked at."""
    parser = argparse.ArgumentParser(prog="python -m controller.proof.verify", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--key", help="the recorder's public key: 64 letters, or a file")
    parser.add_argument("--anchor", action="append", default=[], help="TENANT:NUMBER:HASH, kept elsewhere")
    options = parser.parse_args(arguments)
    try:
        verdict = verify_bundle(
            options.bundle,
            key=read_key(options.key) if options.key else None,
            anchors=[Anchor.read(text) for text in options.anchor],
        )
    except (ProofError, OSError) as error:
        print(f"cannot verify: {error}", file=sys.stderr)
        return 2
    print("\n".join(verdict.lines()))
    return 0 if verdict.sound else 1


if __name__ == "__main__":
    raise SystemExit(main())
