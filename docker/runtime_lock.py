"""Prints the part of requirements.lock that running needs: ``runtime_lock.py LOCK PYPROJECT [EXTRA…]``.

The lock holds the tools of tests and of building too. What the project's dependencies need, and what these
need in turn, is read from the packages installed by that very lock; the lines with hashes stay as they are.
"""

from __future__ import annotations

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def needed(dependencies: list[str]) -> set[str]:
    """The canonical names of everything that these need on this machine, themselves included."""
    found: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in dependencies]
    while waiting:
        wanted, extra_of = waiting.pop()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra_of}):
            continue
        name = str(canonicalize_name(wanted.name))
        for extra in {"", *wanted.extras}:
            if (name, extra) in found:
                continue
            found.add((name, extra))
            try:
                waiting += [(Requirement(text), extra) for text in requires(name) or []]
            except PackageNotFoundError:
                sys.exit(f"runtime_lock: {name} is not installed; install the whole lock first")
    return {name for name, _ in found}


def part(lock: str, names: set[str]) -> str:
    """The lines of the lock about these packages."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    kept = [e for e in entries if canonicalize_name(re.split(r"[=<>\[;\s]", e, maxsplit=1)[0]) in names]
    return "".join(kept)


def main() -> None:
    lock, project = (Path(argument).read_text(encoding="utf-8") for argument in sys.argv[1:3])
    about = tomllib.loads(project)["project"]
    extras = [about["optional-dependencies"][name] for name in sys.argv[3:]]
    names = needed([*about["dependencies"], *(text for extra in extras for text in extra)])
    sys.stdout.write(part(lock, names))


if __name__ == "__main__":
    main()
