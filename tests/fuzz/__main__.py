"""``python -m tests.fuzz [--cases N] [--guided] [TARGET …]``: make cases up until N have been read.

``--guided`` wants atheris, which follows what each case reaches in the code; without it cases are good ones
changed at random, the same ones for the same ``--seed``. A case that brings a defect to light is printed, and
the exit is 1.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .seeds import SEEDS

#: Whose branches are followed; everything would take minutes to prepare.
READERS = (
    "controller.switches.freeswitch.frames", "controller.switches.asterisk", "controller.core.media_control",
    "controller.media.wav", "controller.media.mp4", "controller.demo.phone", "controller.web.free_search",
    "controller.catalog.paging", "controller.proof.canonical", "panoramisk",
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(SEEDS))
    parser.add_argument("--cases", type=int, default=1_200_000, help="how many, over all targets")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--guided", action="store_true", help="by atheris")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        return _guided_here(asked.one, asked.cases, asked.seed)
    names = asked.targets or list(SEEDS)
    if unknown := set(names) - set(SEEDS):
        parser.error(f"there is no {', '.join(unknown)}; there are: {', '.join(SEEDS)}")
    each, worst = -(-asked.cases // len(names)), 0
    for number, name in enumerate(names, 1):
        began = time.monotonic()
        if asked.guided:
            command = [sys.executable, "-m", "tests.fuzz", "--one", name, "--cases", str(each)]
            status = subprocess.run([*command, "--seed", str(asked.seed)]).returncode
        else:
            status = _unguided(name, each, asked.seed)
        took = time.monotonic() - began
        verdict = "no defect" if status == 0 else "A DEFECT, see above"
        print(f"[{number}/{len(names)}] {name}: {each:,} cases in {took:.0f} s, {verdict}", flush=True)
        worst = max(worst, int(status != 0))
    return worst


def _unguided(name: str, cases: int, seed: int) -> int:
    from .making import made_up
    from .targets import TARGETS

    target = TARGETS[name]
    for case in made_up(name, cases, seed):
        try:
            target(case)
        except Exception as error:
            print(f"{name}: {type(error).__name__}: {error}\n{case!r}", file=sys.stderr)
            return 1
    return 0


def _guided_here(name: str, cases: int, seed: int) -> int:
    """Does not return: libFuzzer ends the process."""
    try:
        import atheris
    except ImportError:
        sys.exit("--guided wants atheris: pip install atheris")
    with atheris.instrument_imports(include=list(READERS)):
        from .targets import TARGETS
    with tempfile.TemporaryDirectory() as folder:
        for number, case in enumerate(SEEDS[name]):
            (Path(folder) / str(number)).write_bytes(case)
        options = [f"-runs={cases}", f"-seed={seed}", "-max_len=6000", "-timeout=10", "-rss_limit_mb=2000"]
        options += ["-verbosity=0", f"-artifact_prefix={tempfile.gettempdir()}/tapeline-fuzz-"]
        atheris.Setup([sys.argv[0], *options, folder], TARGETS[name])
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
