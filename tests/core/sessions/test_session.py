"""A session's life: its parts, entered, left, and used again."""

from __future__ import annotations

import gc
import weakref

import attrs
import pytest
from session_plugins import Level, function, living

from pegboard import Session, SessionError, current_session, hookimpl, task
from pegboard.testing import FakeClock, Recorder


def test_defaults_are_options_each_once() -> None:
    """Something else, or two of a class, is a TypeError at once."""
    with pytest.raises(TypeError, match=r"defaults takes options such as .*, not 3"):
        Session(defaults=[3])
    with pytest.raises(
        TypeError,
        match=r"Level is an option's class; did you forget the parentheses\? defaults=\[Level\(...\), ...\]",
    ):
        Session(defaults=[Level])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="two options of the same class"):
        Session(defaults=[Level(1), Level(2)])


def test_a_single_default_needs_no_list() -> None:
    """One option means one."""
    with Session(defaults=Level(10)):
        assert task(lambda: 1)() == 11


def test_defaults_apply_to_tasks_that_say_nothing_themselves() -> None:
    """An explicit option counts before a default."""
    with Session(defaults=[Level(10)]):
        assert task(lambda: 1)() == 11
        assert task(Level(2))(lambda: 1)() == 3


def test_a_default_leaves_out_tasks_it_cannot_be_on() -> None:
    """A kind that the option excludes, or a sensitive task whose values it would store, goes without."""

    @attrs.frozen
    class Picky(Level):
        kinds = frozenset(("function",))
        stores_values = True

    @task
    def stream():
        yield 1

    with Session(defaults=[Picky(10)]) as session:
        assert task(sensitive=True)(lambda: 1)() == 1
        assert list(stream()) == [1]
        assert session.explain(stream).options == ()


def test_plugins_start_in_order_and_end_in_reverse() -> None:
    """In the order of attachment, and back."""
    log: list[str] = []
    with Session(*living("abc", log)):
        assert log == ["start a", "start b", "start c"]
    assert log[3:] == ["end c", "end b", "end a"]


def test_a_session_may_be_used_again() -> None:
    """It starts and ends anew."""
    log: list[str] = []
    recorder = Recorder()
    session = Session(recorder, *living("a", log))
    for _ in range(2):
        with session:
            function()
    assert log == ["start a", "end a"] * 2
    assert len(recorder.of("after_execute")) == 2


def test_a_session_may_be_entered_within_itself() -> None:
    """It starts once and ends once."""
    log: list[str] = []
    with Session(*living("a", log)) as session:
        with session, session:
            assert current_session() is session
        assert current_session() is session
        assert log == ["start a"]
    assert log == ["start a", "end a"]
    assert current_session() is None


def test_sessions_are_left_in_order() -> None:
    """Leaving an outer session before the inner one says so."""
    outer, inner = Session(), Session()
    with outer, inner, pytest.raises(SessionError, match="leave the inner one first"):
        outer.__exit__(None, None, None)


def test_is_open_tells_whether_somebody_is_inside() -> None:
    """Before, within and after."""
    session = Session()
    assert session.is_open is False
    with session:
        assert session.is_open is True
    assert session.is_open is False


def test_an_end_may_come_after_those_of_all_others() -> None:
    """Where it is `trylast`, wherever its plugin is attached; several are in pluggy's order."""
    told: list[str] = []

    class Ends:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def session_end(self) -> None:
            told.append(self.name)

    class EndsLast(Ends):
        @hookimpl(trylast=True)
        def session_end(self) -> None:
            told.append(self.name)

    with Session(EndsLast("a"), Ends("b"), EndsLast("c"), Ends("d")):
        pass
    assert told == ["d", "b", "a", "c"]


def test_every_plugin_ends_though_another_detaches_it_at_its_end() -> None:
    """As one does that has attached others at its start."""
    told: list[str] = []

    class Brought:
        name = "brought"

        @hookimpl(trylast=True)
        def session_end(self) -> None:
            told.append(self.name)

    class Brings:
        name = "brings"

        @hookimpl
        def session_start(self, session: Session) -> None:
            session.register(Brought())

        @hookimpl
        def session_end(self, session: Session) -> None:
            session.unregister("brought")

    with Session(Brings()):
        pass
    assert told == ["brought"]


def test_plans_are_forgotten_at_the_end() -> None:
    """A task that outlives many sessions does not keep them."""
    made, seen = task(lambda: 1), []
    for _ in range(10):
        with Session(Recorder()) as session:
            made()
        seen.append(weakref.ref(session))
    del session
    gc.collect()
    assert [each() for each in seen] == [None] * 10
    assert made() == 1


def test_the_repr_names_the_plugins() -> None:
    """A session's repr tells what is attached."""
    assert repr(Session(Recorder(), FakeClock())).endswith(" of recorder, clock>")
    assert repr(Session()).endswith(" of no plugins>")


def test_a_name_tells_a_session_from_others() -> None:
    """For people, who find it in the repr; it has to be a text, and several may have the same."""
    session = Session(name="web")
    assert (session.name, Session().name) == ("web", None)
    assert repr(session).startswith(f"<Session 'web' {session.id} ")
    with pytest.raises(TypeError, match="name is a text"):
        Session(name=1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Session: name is a text that is not empty, not ''"):
        Session(name="")
