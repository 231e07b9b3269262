"""The real Asterisk of these tests: one for a module, on addresses of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from controller.demo.asterisk_lab import AsteriskLab, provision
from controller.demo.lab import LabUnavailable

from ...lanes import own


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def asterisk_lab() -> AsyncIterator[AsteriskLab]:
    """Skips, saying why, where Debian's packages cannot be had."""
    try:
        prefix = provision()
        lab = AsteriskLab(*own("127.0.10.11", "127.0.10.12"), prefix=prefix)
        await lab.__aenter__()
    except LabUnavailable as reason:
        pytest.skip(f"NO REAL ASTERISK HERE, its tests are left out: {reason}")
    try:
        yield lab
    finally:
        await lab.__aexit__(None, None, None)
