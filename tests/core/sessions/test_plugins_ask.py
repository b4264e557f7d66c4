"""`session.ask`: plugins that answer a hook, one of which may fail."""

from __future__ import annotations

import pytest

from pegboard import Session, hookimpl, hookspec
from pegboard.errors import UnknownEvent


class Specs:
    """A hook that is no event of a call."""

    @hookspec
    def on_parcel(self, parcel, weight): ...


class Post:
    """Brings the hook."""

    name = "post"
    hookspecs = Specs


class Answering:
    """Answers it, or raises."""

    def __init__(self, name, answer):
        self.name = name
        self.answer = answer
        self.told = []

    @hookimpl
    def on_parcel(self, parcel):
        self.told.append(parcel)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


def ask(session, **how):
    return session.ask("on_parcel", parcel="box", weight=1, **how)


def test_all_answers_but_none_come_last_attached_first():
    """An implementation gets the arguments it names, and need not answer."""
    plugins = [Answering("first", 1), Answering("second", None), Answering("third", 3)]
    with Session(Post(), *plugins, strict=True, inherit=False) as session:
        assert ask(session) == [3, 1]
    assert [plugin.told for plugin in plugins] == [["box"]] * 3


def test_the_first_answer_ends_the_asking():
    """Nobody after it is told."""
    plugins = [Answering("first", 1), Answering("second", 2), Answering("third", None)]
    with Session(Post(), *plugins, strict=True, inherit=False) as session:
        assert ask(session, first=True) == 2
    assert [plugin.told for plugin in plugins] == [[], ["box"], ["box"]]


def test_nobody_answers():
    """Without an answer it is an empty list, or None."""
    with Session(Post(), strict=True, inherit=False) as session:
        assert ask(session) == []
        assert ask(session, first=True) is None
        assert not session.is_answered("on_parcel")


@pytest.mark.parametrize("error", [ValueError(), GeneratorExit()], ids=["Exception", "BaseException"])
def test_what_one_raises_is_counted_logged_once_and_kept_from_the_others(error, caplog):
    """As with observers of a call."""
    plugins = [Answering("first", 1), Answering("faulty", error)]
    with Session(Post(), *plugins, inherit=False) as session:
        assert [ask(session), ask(session)] == [[1], [1]]
        assert session.observer_errors == {("faulty", "on_parcel"): 2}
    (record,) = caplog.records
    assert "plugin faulty failed in on_parcel" in record.getMessage()


def test_a_strict_session_raises_it_after_the_others_were_told():
    """There is no call whose end could raise it."""
    error = ValueError("odd")
    others = [Answering("first", 1), Answering("last", 3)]
    with (
        Session(
            Post(), others[0], Answering("faulty", error), others[1], strict=True, inherit=False
        ) as session,
        pytest.raises(ValueError, match="odd") as caught,
    ):
        ask(session)
    assert caught.value is error
    assert [plugin.told for plugin in others] == [["box"]] * 2


def test_an_interrupt_goes_on_after_the_others_were_told():
    """Ctrl-C is no fault of a plugin's, in whichever session."""
    other = Answering("first", 1)
    with Session(Post(), other, Answering("interrupted", KeyboardInterrupt()), inherit=False) as session:
        with pytest.raises(KeyboardInterrupt):
            ask(session)
        assert session.observer_errors == {}
    assert other.told == ["box"]


def test_an_unknown_hook_is_refused():
    """A hook that no attached plugin describes is named, with those that are known."""
    with Session(inherit=False) as session, pytest.raises(UnknownEvent, match="on_parcel") as caught:
        ask(session)
    assert caught.value.event == "on_parcel"
    assert "after_execute" in str(caught.value)


def test_a_plugin_that_comes_later_is_asked():
    """The answers are those of the plugins that are attached now."""
    with Session(Post(), strict=True, inherit=False) as session:
        assert ask(session) == []
        session.register(Answering("late", 1))
        assert ask(session) == [1]
        session.unregister("late")
        assert ask(session) == []
