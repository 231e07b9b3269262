"""Loopback addresses that no other process of the same test run uses."""

from __future__ import annotations

import os
import re


def own(*addresses: str) -> tuple[str, ...]:
    """127.0.x.y for this worker of pytest-xdist: its number, from 1, is the second octet (0 without)."""
    worker = re.fullmatch(r"gw(\d+)", os.environ.get("PYTEST_XDIST_WORKER", ""))
    number = int(worker[1]) + 1 if worker else 0
    return tuple(re.sub(r"^127\.0\.", f"127.{number}.", address) for address in addresses)
