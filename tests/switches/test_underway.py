"""Which captures a snapshot is unsure of."""

from __future__ import annotations

import pytest

from controller.switches.underway import UnderWay


def test_all_that_are_told_something_from_its_begin_to_its_end() -> None:
    way = UnderWay()
    with way.telling("before"):
        pass
    with way.telling("since before"), way.watching() as unsure:
        with way.telling("meanwhile"), way.telling("meanwhile"):
            assert unsure == {"since before", "meanwhile"}
        with way.watching() as another:
            assert another == {"since before"}
    with way.telling("afterwards"):
        assert unsure == {"since before", "meanwhile"}
    with way.watching() as later:
        assert later == set()


def test_a_command_that_fails_is_over_as_well() -> None:
    way = UnderWay()
    with pytest.raises(RuntimeError), way.telling("it"):
        raise RuntimeError
    with way.watching() as unsure:
        assert unsure == set()
