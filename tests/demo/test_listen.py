"""The ears hear what is there, where it is, and nothing else."""

from __future__ import annotations

import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from controller.demo import listen
from controller.demo.phone import sound
from controller.demo.speech import speech

RATE = 8000


def sine(freq: float, ms: float, rate: int = RATE, peak: float = 8000) -> np.ndarray:
    count = round(rate * ms / 1000)
    return (peak * np.sin(2 * np.pi * freq * np.arange(count) / rate + 0.3)).astype(np.int16)


def quiet(ms: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(rate * ms / 1000), dtype=np.int16)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    frames = np.atleast_2d(samples)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(frames.shape[0])
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(frames.T.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("freq", [400, 437, 1000, 1750])
@pytest.mark.parametrize("lead", [0, 313.5, 1000])
def test_edges_of_a_tone_within_a_millisecond(rate: int, freq: float, lead: float) -> None:
    samples = np.concatenate([quiet(lead, rate), sine(freq, 731, rate), quiet(500, rate)])
    (found,) = listen.spans(samples, rate, freq)
    assert found.start * 1000 / rate == pytest.approx(lead, abs=1)
    assert found.stop * 1000 / rate == pytest.approx(lead + 731, abs=1)


def test_a_hole_of_one_packet_is_heard() -> None:
    samples = np.concatenate([sine(440, 500), quiet(20), sine(440, 480)])
    first, second = listen.spans(samples, RATE, 440)
    assert first.to_ms == pytest.approx(500, abs=1)
    assert second.from_ms == pytest.approx(520, abs=1)


def test_two_tones_at_once_are_told_apart() -> None:
    samples = np.concatenate([sine(440, 600), quiet(400)]) + np.concatenate([quiet(300), sine(1000, 700)])
    (low,), (high,) = listen.spans(samples, RATE, 440), listen.spans(samples, RATE, 1000)
    assert (low.from_ms, low.to_ms) == (pytest.approx(0, abs=1), pytest.approx(600, abs=1))
    assert (high.from_ms, high.to_ms) == (pytest.approx(300, abs=1), pytest.approx(1000, abs=1))


@pytest.mark.parametrize("freq", [290, 590, 740, 2000])
def test_another_tone_noise_and_silence_are_not_the_tone(freq: float) -> None:
    samples = sine(440, 1000)
    assert listen.spans(samples, RATE, 440)
    assert listen.spans(samples, RATE, freq) == []
    assert listen.spans(sound.noise(RATE), RATE, freq) == []
    assert listen.spans(quiet(1000), RATE, freq) == []
    assert listen.spans(quiet(0), RATE, freq) == []


def test_a_tone_survives_mu_law() -> None:
    samples = np.concatenate([quiet(200), sound.decode(sound.encode(sine(700, 400))), quiet(200)])
    (found,) = listen.spans(samples, RATE, 700)
    assert (found.from_ms, found.to_ms) == (pytest.approx(200, abs=1), pytest.approx(600, abs=1))


def test_zeros_are_found_to_the_sample() -> None:
    samples = sound.noise(RATE)
    samples[1000:3001] = 0
    samples[5000:5100] = 0
    assert listen.silent_spans(samples, RATE) == [
        listen.Span(1000, 3001, RATE),
        listen.Span(5000, 5100, RATE),
    ]
    assert listen.silent_spans(samples, RATE, 100) == [listen.Span(1000, 3001, RATE)]
    samples[2000] = 1
    assert [s.stop - s.start for s in listen.silent_spans(samples, RATE, 100)] == [1000, 1000]


def test_a_mask_is_where_every_channel_is_zero(tmp_path: Path) -> None:
    left, right = sound.noise(RATE, 1), sound.noise(RATE, 2)
    left[800:4000] = 0
    right[1600:6400] = 0
    path = write(tmp_path / "two.wav", np.stack([left, right]))
    assert listen.find_masks(path) == [(200, 500)]


def test_cancelling_channels_are_no_mask(tmp_path: Path) -> None:
    tone = sine(500, 1000)
    path = write(tmp_path / "opposite.wav", np.stack([tone, -tone]))
    assert listen.find_masks(path) == []


def test_presence_by_channel(tmp_path: Path) -> None:
    left = np.concatenate([sine(440, 500), quiet(500)])
    right = np.concatenate([quiet(500), sine(900, 500)])
    path = write(tmp_path / "two.wav", np.stack([left, right]))
    assert [s.duration_ms for s in listen.presence(path, [440], 0)[440]] == [500]
    assert listen.presence(path, [440], 1)[440] == []
    both = listen.presence(path, [440, 900])
    assert both[440][0].to_ms == pytest.approx(500, abs=1)
    assert both[900][0].from_ms == pytest.approx(500, abs=1)


def test_eight_bits(tmp_path: Path) -> None:
    path = tmp_path / "eight.wav"
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(RATE)
        out.writeframes(bytes([128] * 2000 + [255, 0] * 1000))
    wav = listen.read_wav(path)
    assert wav.samples[0, 0] == 0
    assert (wav.samples.max(), wav.samples.min()) == (127 * 256, -32768)
    assert listen.find_masks(path) == [(0, 250)]


@pytest.mark.parametrize("said", [0, 10**9])
def test_a_header_cut_off_by_a_crash_is_forgiven(tmp_path: Path, said: int) -> None:
    path = write(tmp_path / "cut.wav", sine(440, 1000))
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    struct.pack_into("<I", data, at, said)
    path.write_bytes(data + b"\x01")  # and half a sample at its end
    assert listen.read_wav(path).duration_ms == 1000


@pytest.mark.parametrize("data", [b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"\0" * 100])
def test_what_is_no_wav_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "no.wav"
    path.write_bytes(data)
    with pytest.raises(listen.NotAWav):
        listen.read_wav(path)


def test_speech_is_where_the_clip_says() -> None:
    samples = speech.load(speech.CUSTOMER)
    for turn in speech.turns():
        spoken = turn.speaker == speech.CUSTOMER
        assert listen.contains_speech(samples, RATE, turn.from_ms, turn.to_ms) is spoken, turn
    found = listen.speech_spans(samples, RATE)
    mine = [t for t in speech.turns() if t.speaker == speech.CUSTOMER]
    assert found[0].from_ms == pytest.approx(mine[0].from_ms, abs=60)
    assert found[-1].to_ms == pytest.approx(mine[-1].to_ms, abs=60)


def test_a_click_is_no_speech() -> None:
    samples = sound.noise(RATE)
    samples[4000:4160] = 9000
    assert not listen.contains_speech(samples, RATE)


def test_a_turn_is_located_in_the_mix_and_not_in_a_mask() -> None:
    agent, customer = speech.load(speech.AGENT), speech.load(speech.CUSTOMER)
    card = speech.card_turn()
    piece = customer[card.from_ms * 8 : card.to_ms * 8]
    mix = sound.decode(sound.encode(((agent.astype(int) + customer) // 2).astype(np.int16)))
    at, score = listen.locate(mix, piece)
    assert at == card.from_ms * 8
    assert score > listen.MATCH_MIN
    mix[card.from_ms * 8 : card.to_ms * 8] = 0
    assert listen.locate(mix, piece)[1] < 0.25


def test_the_clips_hold_no_digital_silence_and_are_in_step() -> None:
    agent, customer = speech.load(speech.AGENT), speech.load(speech.CUSTOMER)
    assert len(agent) == len(customer)
    assert len(agent) % sound.PACKET_SAMPLES == 0
    for samples in (agent, customer):
        assert listen.silent_spans(samples, RATE) == []
    assert listen.silent_spans(sound.decode(sound.room().loop), RATE) == []


def test_mu_law_tables() -> None:
    codes = bytes(range(256))
    assert sound.decode(b"\xff\x7f\x80\x00").tolist() == [0, 0, 32124, -32124]
    again = sound.encode(sound.decode(codes))
    assert again == codes.replace(b"\x7f", b"\xff")  # there are two zeros; one is enough
    every = np.arange(-32635, 32636, dtype=np.int16)
    error = np.abs(sound.decode(sound.encode(every)).astype(int) - every)
    # G.711: half a step, and a step is a sixteenth of the segment that the (biased) value lies in.
    assert (error <= (np.abs(every.astype(int)) + 0x84) / 32).all()
