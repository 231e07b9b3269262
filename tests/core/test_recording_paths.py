"""Paths: made in one place, read back in one place, and holding nothing that a stranger chose."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from controller.core.media_kinds import Kind
from controller.core.recording import SegmentPath, parse_segment_path, segment_path, side_paths, tenant_folder

_ids = st.from_regex(r"[0-9A-Za-z]{1,40}", fullmatch=True)
_times = st.datetimes(timezones=st.just(UTC), min_value=datetime(1990, 1, 1))
_domains = st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}(\.[a-z]{2,5}){0,2}", fullmatch=True)
_tenants = st.text(max_size=200) | st.text(" ./\\-_=\0\n%${}", max_size=12) | _domains

HOSTILE = [
    "", ".", "..", "../../etc", "/etc/passwd", "a/b", "a\\b", "a b", "a,b", "a'b", 'a"b', "${uuid}", "%0A",
    "a\nb", "a\0b", "-rf", ".hidden", "t=00", "acme.", "a..b", "ümlaut", "\u202eacme", "x" * 5000,
    "\ud800", "acme\n",
]  # fmt: skip


@given(_tenants, _ids, st.integers(1, 999_999), st.sampled_from(list(Kind)), _times)
@example("acme.example", "01JD", 1, Kind.VIDEO, datetime(2026, 11, 22, tzinfo=UTC))
def test_reading_is_the_inverse_of_making(
    tenant: str, recording_id: str, number: int, kind: Kind, at: datetime
) -> None:
    path = segment_path(tenant, recording_id, number, kind, at)
    expected = SegmentPath(tenant_folder(tenant), recording_id, number, kind)
    for place in ("", "/var/spool/tapeline/", "spool/"):
        assert parse_segment_path(place + path) == expected
    assert expected.capture_id == f"{recording_id}.{number}"


def test_the_files_of_one_side_belong_to_their_segment() -> None:
    main = segment_path("acme.example", "01JD", 3, Kind.AUDIO, datetime(2026, 11, 22, tzinfo=UTC))
    rx, tx = side_paths(main)
    assert (rx, tx) == (main.replace(".3.wav", ".3.rx.wav"), main.replace(".3.wav", ".3.tx.wav"))
    for path, side in ((main, ""), (rx, "rx"), (tx, "tx")):
        parsed = parse_segment_path(path)
        assert parsed == SegmentPath("acme.example", "01JD", 3, Kind.AUDIO, side)
        assert parsed.capture_id == "01JD.3"


@given(_tenants, _tenants)
@example("t=00", "")
@example("acme", "acme\n")
def test_distinct_tenants_have_distinct_folders(one: str, other: str) -> None:
    assume(one != other)
    assert tenant_folder(one) != tenant_folder(other)


@given(_tenants)
def test_a_folder_is_one_harmless_component(tenant: str) -> None:
    assert_harmless(tenant_folder(tenant))


@pytest.mark.parametrize("tenant", HOSTILE)
def test_hostile_tenants(tenant: str) -> None:
    assert_harmless(tenant_folder(tenant))
    assert tenant_folder(tenant) != tenant


@pytest.mark.parametrize("tenant", ["acme", "acme.example", "a-b.example.org", "ACME_1", "10.0.0.1"])
def test_plain_domains_stay_readable(tenant: str) -> None:
    assert tenant_folder(tenant) == tenant


def assert_harmless(folder: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.=-]{0,130}", folder)
    assert ".." not in folder


@pytest.mark.parametrize(
    "path",
    [
        "", "acme", "acme/2026/11/22/R.1.mp3", "acme/2026/11/22/R.wav", "acme/2026/11/22/R.1.wav.part",
        "acme/2026/11/22/R-1.1.wav", "acme/2026/11/R.1.wav", "2026/11/22/R.1.wav", "acme/2026/11/22/.1.wav",
        "acme/2026/11/22/R.1.wav\n", "acme/26/11/22/R.1.wav", "acme/2026/11/22/R.1.rx.mp4",
        "acme/2026/11/22/R.rx.wav", "acme/2026/11/22/R.1.rx.tx.wav", "acme/2026/11/22/R.1.mix.wav",
    ],
)  # fmt: skip
def test_what_is_not_ours_is_left_alone(path: str) -> None:
    assert parse_segment_path(path) is None


@given(st.text(max_size=80))
def test_reading_never_raises(path: str) -> None:
    parse_segment_path(path)
