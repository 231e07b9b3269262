"""The saver writes in portions, and one call that is never taken keeps no other from being written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from controller.core.calls import Call
from controller.engine import saver as saver_module
from controller.engine.saver import Saver

from .bench import MemoryCatalog, now


class Choosy(MemoryCatalog):
    """Refuses a portion with the call named ``bad``; ``portions`` are the sizes of those that came."""

    def __init__(self) -> None:
        super().__init__()
        self.portions: list[int] = []

    async def save(
        self, switch: str, calls: Sequence[Call], merged: Mapping[str, str], *, epoch: int | None = None
    ) -> None:
        self.portions.append(len(calls))
        if any(call.call_id == "bad" for call in calls):
            raise ValueError("not this one")
        await super().save(switch, calls, merged, epoch=epoch)


def calls(*names: str) -> dict[str, Call]:
    return {name: Call(name, now()) for name in names}


async def test_what_waits_is_written_in_portions_the_longest_waiting_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(saver_module, "AT_ONCE", 2)
    catalog = Choosy()
    saver = Saver(catalog, "pbx", lambda: None)
    saver.put(calls("one", "two", "three"), {})
    saver.put(calls("one", "four", "five"), {"gone": "one"})
    assert await saver.flush()
    assert catalog.portions == [2, 2, 1]
    assert list(catalog.calls) == ["one", "two", "three", "four", "five"]
    assert catalog.merged == {"gone": "one"}
    assert saver.waiting == 0


async def test_the_more_waits_the_larger_a_portion_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver_module, "AT_ONCE", 2)
    monkeypatch.setattr(saver_module, "AT_MOST", 4)
    catalog = Choosy()
    saver = Saver(catalog, "pbx", lambda: None)
    saver.put(calls(*(f"c{n}" for n in range(60))), {})
    assert await saver.flush()
    assert set(catalog.portions[:-1]) == {4, 3, 2}
    assert catalog.portions == sorted(catalog.portions, reverse=True)
    assert sum(catalog.portions) == len(catalog.calls) == 60


async def test_one_that_is_never_taken_keeps_no_other_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver_module, "AT_ONCE", 1)
    catalog = Choosy()
    saver = Saver(catalog, "pbx", lambda: None)
    saver.put(calls("bad", "two", "three"), {})
    assert not await saver.flush()
    assert not await saver.flush()
    assert set(catalog.calls) == {"two", "three"}
    assert [call.call_id for call in saver.waiting_calls] == ["bad"]
