"""Make the two clips again: ``python -m controller.demo.speech.make_clips``. Needs espeak-ng and sox."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from ..phone.sound import RATE, Samples, encode, noise

#: Who speaks how: an espeak-ng voice, a pitch (0-99) and words a minute.
VOICES = {"agent": ("en-gb+m3", 35, 165), "customer": ("en-us+f3", 62, 160)}

#: One conversation. The turn marked "card" is what a pause has to keep out of the recording.
SCRIPT = (
    ("agent", "", "Good morning, Harbour Travel. This is Oliver speaking. How can I help?"),
    ("customer", "", "Hello. I would like to pay for my ferry booking, please."),
    ("agent", "", "Of course. May I have the long number on your card?"),
    ("customer", "card", "Yes. 4 5 3 9. 1 4 8 8. 0 3 4 3. 6 4 6 7."),
    ("agent", "", "Thank you, that has gone through. You will get the tickets by email."),
    ("customer", "", "Lovely. Thanks very much. Good bye."),
)

LEAD_IN_MS = 600
BETWEEN_MS = 500
LEAD_OUT_MS = 800


def _say(speaker: str, text: str, folder: Path) -> Samples:
    """One sentence at 8 kHz, in the telephone's band, without silence at either end."""
    voice, pitch, speed = VOICES[speaker]
    wav, raw = folder / "say.wav", folder / "say.raw"
    subprocess.run(
        ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "-g", "2", "-w", str(wav), text],
        check=True,
    )
    trim = ["silence", "1", "0.01", "1%", "reverse"]
    telephone = ["highpass", "200", "lowpass", "3400", "norm", "-7"]
    plain = ["-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", str(RATE)]
    subprocess.run(["sox", "-D", str(wav), *plain, str(raw), *telephone, *trim, *trim], check=True)
    return np.frombuffer(raw.read_bytes(), dtype="<i2").astype(np.int16)


def main() -> None:
    here = Path(__file__).parent
    placed: list[tuple[str, int, Samples]] = []
    turns: list[dict[str, object]] = []
    at = LEAD_IN_MS * RATE // 1000
    with tempfile.TemporaryDirectory() as folder:
        for speaker, mark, text in SCRIPT:
            said = _say(speaker, text, Path(folder))
            placed.append((speaker, at, said))
            end = at + len(said)
            turns.append({
                "speaker": speaker, "mark": mark, "text": text,
                "from_ms": at * 1000 // RATE, "to_ms": -(-end * 1000 // RATE),
            })  # fmt: skip
            at = end + BETWEEN_MS * RATE // 1000
    # A whole number of 20 ms packets: then both loops stay in step with each other.
    total = -(-(at + (LEAD_OUT_MS - BETWEEN_MS) * RATE // 1000) // 160) * 160
    for number, name in enumerate(VOICES):
        track = noise(total, seed=number + 11).astype(np.int32)
        for speaker, start, said in placed:
            if speaker == name:
                track[start : start + len(said)] += said
        quiet = noise(total, seed=number + 11)
        track = np.where(np.abs(track) < 8, quiet, track)
        (here / f"{name}.ul").write_bytes(encode(np.clip(track, -32768, 32767).astype(np.int16)))
    (here / "turns.json").write_text(json.dumps(turns, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
