"""The items of a chunk stand and fall alone."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import remote_faults as faults
import remote_tasks as tasks

from pegboard import Session
from pegboard.errors import MapError, RemoteError, TransportError, WorkerDied
from pegboard.testing import Recorder

WATCHED = pytest.mark.parametrize("watched", [False, True], ids=["quick", "watched"])
HOW = pytest.mark.parametrize("how", ["error", "exit", "memory"])
DEADLY = pytest.mark.parametrize("how", ["gone", "killed"])
COUNT = 120


@pytest.fixture
def session(warm, watched):
    """Open a session with an observer, or with nobody who watches, and see that all that began has ended."""
    recorder = Recorder()
    with Session(*([recorder] if watched else []), executor=warm) as opened:
        tasks.plus_one.map(range(500))  # chunks have grown
        yield opened
    assert recorder.unbalanced() == []


def only_bad(found, error):
    """Whether one item failed, with this error and its own index, and return the error."""
    (failure,) = [each for each in found if isinstance(each, Exception)]
    assert found.index(failure) == faults.BAD
    assert type(failure) is error
    assert getattr(failure, "index", faults.BAD) == faults.BAD
    return failure


def inputs_with(bad):
    """Return inputs of which one is bad."""
    inputs: list[object] = list(range(COUNT))
    inputs[faults.BAD] = bad
    return inputs


@WATCHED
@HOW
@pytest.mark.usefixtures("session")
class TestNothingDies:
    def test_argument_that_cannot_be_made_again(self, how):
        """It fails alone, with what was said of it."""
        found = faults.takes.map(inputs_with(faults.NotMadeAgain(how)), [how] * COUNT, on_error="collect")
        assert only_bad(found, TransportError).what == "an argument"

    def test_argument_that_cannot_be_pickled(self, how):
        """It fails alone, too, wherever in it the fault is."""
        found = faults.takes.map(inputs_with([faults.NotPickled(how)]), [how] * COUNT, on_error="collect")
        assert only_bad(found, TransportError).type == "builtins.list"

    @pytest.mark.parametrize("body", [faults.gives_unmade, faults.gives_unpickled], ids=["made", "pickled"])
    def test_result(self, how, body, tmp_path):
        """One that cannot be pickled, or not be made again, fails alone, and nothing runs a second time."""
        log = tmp_path / "log"
        found = body.map(range(COUNT), [how] * COUNT, [str(log)] * COUNT, on_error="collect")
        assert only_bad(found, TransportError).what == "its result"
        assert Counter(log.read_text().split()) == Counter(map(str, range(COUNT)))

    def test_error(self, how):
        """An error that cannot be pickled is a RemoteError of its item."""
        found = faults.raises_unpickled.map(range(COUNT), [how] * COUNT, on_error="collect")
        assert only_bad(found, RemoteError).type == "remote_faults.ErrorNotPickled"


@WATCHED
@DEADLY
@pytest.mark.usefixtures("session")
class TestWorkerDies:
    """The item that ends its worker while that unpacks or packs is found, and the others are run."""

    def test_argument(self, how):
        """A worker that ends while it makes an argument again costs that argument's item."""
        found = faults.takes.map(inputs_with(faults.NotMadeAgain(how)), [how] * COUNT, on_error="collect")
        only_bad(found, WorkerDied)

    @pytest.mark.parametrize(
        "body", [faults.gives_unpickled, faults.raises_unpickled], ids=["result", "error"]
    )
    def test_result(self, how, body):
        """One that ends while it packs a result costs that result's item, and not the last of the chunk."""
        found = body.map(range(COUNT), [how] * COUNT, on_error="collect")
        only_bad(found, WorkerDied)


@pytest.mark.parametrize("what", ["two", "named", "frozen", "nothing set", "no text", "type"])
@WATCHED
@pytest.mark.usefixtures("session")
def test_error_of_an_unusual_class(what):
    """An error that nothing can be set on, or whose class wants other arguments, is its item's, and of its own class."""
    found = tasks.fails.map(range(COUNT), [what] * COUNT, on_error="collect")
    assert [index for index, each in enumerate(found) if isinstance(each, Exception)] == [1]
    expected = {
        "two": tasks.TwoArguments,
        "named": tasks.NamedArgument,
        "frozen": tasks.Frozen,
        "nothing set": tasks.NothingSet,
        "no text": tasks.NoText,
        "type": TypeError,
    }
    assert type(found[1]) is expected[what]
    assert getattr(found[1], "code", 7) == 7


@pytest.mark.parametrize("watched", [True], ids=["watched"])
@pytest.mark.usefixtures("session")
class TestOtherWays:
    """However the items are asked for."""

    def test_amap(self):
        """From async code."""
        bad = inputs_with(faults.NotMadeAgain("exit"))
        only_bad(asyncio.run(faults.takes.amap(bad, [""] * COUNT, on_error="collect")), TransportError)

    def test_imap(self):
        """Handed over one by one."""
        bad = inputs_with(faults.NotMadeAgain("exit"))
        only_bad(list(faults.takes.imap(bad, [""] * COUNT, on_error="collect")), TransportError)

    def test_raised(self):
        """A map that raises does so with the item's own error."""
        with pytest.raises(TransportError) as caught:
            faults.gives_unmade.map(range(COUNT), ["exit"] * COUNT)
        assert caught.value.index == faults.BAD

    def test_aggregated(self):
        """All errors are told by position."""
        with pytest.raises(MapError) as caught:
            faults.gives_unpickled.map(range(COUNT), ["exit"] * COUNT, on_error="aggregate")
        assert list(caught.value.errors) == [faults.BAD]


def test_on_an_executor_of_somebody_else():
    """A pool of the standard library's brings the others home as well."""
    with ProcessPoolExecutor(2) as pool, Session(executor=pool):
        bad = inputs_with(faults.NotMadeAgain("error"))
        only_bad(faults.takes.map(bad, [""] * COUNT, on_error="collect"), TransportError)
        found = faults.gives_unmade.map(range(COUNT), ["exit"] * COUNT, on_error="collect")
        only_bad(found, TransportError)


def test_kept_errors_keep_no_worker_and_no_descriptor():
    """Of a session whose errors are kept, nothing is open when it is over, and no item of a map is alive."""

    class Input:
        alive = 0

        def __init__(self):
            Input.alive += 1

        def __del__(self):
            Input.alive -= 1

        def __reduce__(self):
            raise ValueError("not this one")

    before = descriptors()
    kept = []
    with Session(executor="processes"):
        kept += tasks.dies_at_three.map(range(6), on_error="collect")
        kept.append(error_of(lambda: tasks.dies_at_three.map([3])))
        kept.append(error_of(lambda: tasks.takes_anything.map(Input() for _ in range(20))))
        kept.append(error_of(lambda: asyncio.run(tasks.fails.amap([1, 2]))))
        kept.append(error_of(lambda: tasks.dies_at_three.submit(3).result()))
    assert descriptors() == before
    assert Input.alive <= 1  # that of the item itself, in the frames that tried to pickle it


def descriptors():
    """Return how many this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def error_of(attempt):
    """Return what is raised."""
    with pytest.raises(Exception) as caught:
        attempt()
    return caught.value
