"""`session.diverted`: calls are handed over, instead of being made."""

from __future__ import annotations

import pytest

from pegboard import Session, SessionError, task
from pegboard.testing import Recorder


def refuse(*_: object) -> None:
    raise AssertionError("a body ran")


@task(name="function")
def function(x: int, y: int = 0) -> int:
    refuse(x, y)
    return x


@task(name="coroutine")
async def coroutine(x: int, y: int = 0) -> int:
    refuse(x, y)
    return x


@task(name="generator")
def generator(x: int, y: int = 0):
    refuse(x, y)
    yield x


@task(name="async_generator")
async def async_generator(x: int, y: int = 0):
    refuse(x, y)
    yield x


class Shop:
    @task(name="price")
    def price(self, x: int, y: int = 0) -> int:
        refuse(x, y)
        return x


kinds = pytest.mark.parametrize(
    "probe", [function, coroutine, generator, async_generator], ids=lambda probe: probe.kind
)
MAP = {"on_error": "raise", "concurrency": None, "strict": False}


def diverting(answer=lambda *given: given, *plugins: object) -> Session:
    """Make a session that answers every call with what it was given."""
    session = Session(*plugins, inherit=False)
    session.diverted = answer
    return session


@kinds
def test_an_ordinary_call_is_handed_over(probe) -> None:
    """Whatever the kind of the task, the call gives what takes it over gives, again and again."""
    with diverting():
        for x in (1, 2):
            assert probe(x, y=3) == ("call", probe, (x,), {"y": 3})


@kinds
@pytest.mark.parametrize("way", ["run", "arun", "acall", "submit"])
def test_every_way_to_call_is_handed_over(probe, way: str) -> None:
    """At once, with nothing to await, and with the arguments as they were given."""
    with diverting():
        assert getattr(probe, way)(1, y=3) == (way, probe, (1,), {"y": 3})


@kinds
@pytest.mark.parametrize("way", ["map", "amap", "imap", "aimap"])
def test_every_way_to_map_is_handed_over(probe, way: str) -> None:
    """With what it maps over, looked into by nobody, and all of its settings."""
    ordered = {"ordered": True} if "imap" in way else {}
    endless = iter(int, 1)
    with diverting():
        assert getattr(probe, way)(endless, concurrency=2) == (
            way,
            probe,
            (endless,),
            MAP | ordered | {"concurrency": 2},
        )


@pytest.mark.parametrize("way", ["run", "arun", "acall", "submit", "map", "amap", "imap", "aimap"])
def test_a_bound_task_is_handed_over_as_such(way: str) -> None:
    """The object is in the task, except in an ordinary call, where it is the first argument."""
    shop = Shop()
    with diverting():
        assert getattr(shop.price, way)([1])[:3] == (way, shop.price, ([1],))
        assert shop.price(1) == ("call", Shop.price, (shop, 1), {})


def test_what_takes_calls_over_may_raise() -> None:
    """Its errors leave as they are, of `run` as well."""

    def divert(way: str, *_: object) -> None:
        raise LookupError(way)

    with diverting(divert):
        for call, way in ((function, "call"), (function.run, "run"), (function.submit, "submit")):
            with pytest.raises(LookupError, match=way):
                call(1)


def test_nobody_is_told_of_what_is_handed_over() -> None:
    """No call is made, so no observer hears of one."""
    recorder = Recorder()
    with diverting(lambda *_: 5, recorder):
        assert (function(1), function.map([1]), function.run(1)) == (5, 5, 5)
    assert recorder.of("before_execute") == []
    assert recorder.of("before_group") == []


def test_calls_elsewhere_are_made() -> None:
    """In a session within, in one around, and where the same task was handed over before."""
    double = task(lambda x: 2 * x)
    with Session():
        assert double(1) == 2
        with diverting():
            assert double(1)[0] == "call"
            with Session(inherit=False):
                assert (double(2), double.map([1])) == (4, [2])
            assert double.map([1])[0] == "map"
        assert (double(3), double.map([1])) == (6, [2])
        assert double.run(1).unwrap() == 2


def test_a_call_that_cannot_be_handed_over_says_so() -> None:
    """What asks for more of a task than its call is told why it has nothing."""
    session = diverting()
    with session:
        with pytest.raises(SessionError, match="hands calls over") as caught:
            str(session.explain(function))
        assert "'function'" in str(caught.value)
        session.diverted = None
        with pytest.raises(
            SessionError, match="'generator'"
        ):  # bound to nothing yet: it was to be handed over
            diverted_before(session)


def diverted_before(session: Session) -> None:
    """Call a task whose stand-in outlived what it stood for."""
    session.diverted = lambda *given: given
    generator(1)
    session.diverted = None
    generator(1)
