"""Samples as gauges of whatever measures."""

from __future__ import annotations

from itertools import count

import pytest

from pegboard import Session, task
from pegboard.testing import Instruments
from pegboard_resources import Resources
from pegboard_resources._gauges import GAUGES, Gauges
from pegboard_resources._sampler import Sample


@pytest.fixture
def instruments():
    return Instruments()


def read(instruments):
    return {name: instruments.value(name) for name in GAUGES}


@pytest.mark.parametrize("first", ["resources", "instruments"])
def test_the_samples_are_gauges(instruments, first):
    """The four numbers of a sample are measured, whichever plugin comes first."""
    plugins = [Resources(interval=60), instruments][:: 1 if first == "resources" else -1]
    with Session(*plugins, inherit=False, strict=True) as session:
        sample = session[Resources].sample()
        assert read(instruments) == {
            "pegboard_process_resident_memory_bytes": sample.rss,
            "pegboard_process_cpu_ratio": sample.cpu_percent / 100,
            "pegboard_process_threads": sample.threads,
            "pegboard_process_open_files": sample.open_files,
        }


def test_what_measures_may_be_attached_later(instruments):
    """The next task that is bound finds it."""
    with Session(Resources(interval=None), inherit=False, strict=True) as session:
        session.register(instruments)
        task(lambda: 1, name="any")()
        assert read(instruments)["pegboard_process_threads"] >= 1


def test_all_gauges_of_one_reading_have_one_sample():
    """Reading all four takes one sample, and reading them again takes another."""
    taken = count(1)
    gauges = Gauges(lambda: Sample(0.0, next(taken), 100.0, 1, 1))
    instruments = Instruments()
    with Session(instruments, inherit=False) as session:
        gauges.publish(session)
        for number in (1, 2, 3):
            assert read(instruments) == {
                "pegboard_process_resident_memory_bytes": number,
                "pegboard_process_cpu_ratio": 1,
                "pegboard_process_threads": 1,
                "pegboard_process_open_files": 1,
            }


def test_nothing_has_to_measure():
    """Without anything that measures there are no gauges, and the plugin works."""
    with Session(Resources(interval=None), inherit=False, strict=True) as session:
        assert session[Resources].sample().threads >= 1
