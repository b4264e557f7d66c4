"""Which plugin serves an option, and that a session brings one where it has none."""

from __future__ import annotations

import attrs
import pytest

from pegboard import (
    InvalidPlugin,
    Layer,
    MissingPlugin,
    Option,
    Order,
    PluginConflict,
    Session,
    hookimpl,
    task,
)
from pegboard.errors import InvalidTask


class Stamps:
    """Puts a stamp on what a task returns."""

    name = "stamps"
    mark = "stamped"

    @hookimpl
    def bind(self, task) -> Layer | None:
        if task.option(Stamp) is None:
            return None

        async def run(call, proceed):
            return f"{self.mark} {await proceed(call)}"

        return Layer(self.name, Order.LIMIT, run)


class Golden(Stamps):
    """A plugin that replaces it."""

    name = "golden"
    mark = "golden"


class Stranger:
    """Has its name, and nothing else of it."""

    name = "stamps"


@attrs.frozen
class Stamp(Option):
    """The option that it serves."""

    plugin_name = "stamps"

    @classmethod
    def plugin(cls) -> type:
        return Stamps


@attrs.frozen
class Sent(Option):
    """An option whose plugin needs settings."""

    plugin_name = "posts"

    @classmethod
    def plugin(cls) -> type:
        return Posts


class Posts:
    """Cannot be made without an address."""

    name = "posts"

    def __init__(self, address):
        self.address = address


@task(Stamp())
def letter():
    return "letter"


def test_an_option_brings_its_plugin():
    """A session that has none of the class gets one, once."""
    with Session(strict=True, inherit=False) as session:
        assert [letter(), letter()] == ["stamped letter"] * 2
        assert list(session.plugins) == ["stamps"]


@pytest.mark.parametrize("name", ["golden", "stamps"])
def test_a_subclass_serves_the_option_in_its_place(name):
    """Whatever its name is, nothing is brought beside it."""
    golden = Golden()
    golden.name = name
    with Session(golden, strict=True, inherit=False) as session:
        assert letter() == "golden letter"
        assert list(session.plugins) == [name]
        assert session[Stamps] is golden


def test_a_stranger_of_that_name_is_a_conflict():
    """It would ignore the option; both classes are named, and the function does not run."""
    ran = []
    work = task(Stamp(), name="work")(lambda: ran.append(1))
    with Session(Stranger(), inherit=False), pytest.raises(PluginConflict) as caught:
        work()
    error = caught.value
    assert (error.plugin, error.claimants) == ("stamps", ("Stamps", "Stranger"))
    assert f"{__name__}.Stamps" in str(error)
    assert f"{__name__}.Stranger" in str(error)
    assert ran == []


def test_a_stranger_of_that_name_is_none_where_nothing_asks_for_the_option():
    """Other tasks have nothing to do with it."""
    with Session(Stranger(), strict=True, inherit=False):
        assert task(lambda: 1, name="plain")() == 1


def test_an_instance_returned_from_plugin_is_refused():
    """Whether one is attached already can be told by its class alone; the error says what to override."""

    @attrs.frozen
    class Wrong(Option):
        plugin_name = "stamps"

        @classmethod
        def plugin(cls):
            return Stamps()

    work = task(Wrong(), name="work")(lambda: pytest.fail("it ran"))
    with Session(inherit=False), pytest.raises(InvalidPlugin, match=r"Return the class.*`make`") as caught:
        work()
    assert caught.value.plugin == "stamps"


def test_an_option_that_belongs_to_no_plugin_is_refused_at_decoration():
    """Nothing would ever read it."""

    @attrs.frozen
    class Lost(Option):
        """Says neither a name nor a class."""

    with pytest.raises(InvalidTask, match="belongs to no plugin"):
        task(Lost())(lambda: 1)


def test_a_plugin_that_needs_settings_is_asked_for():
    """The error tells task, option and how to attach it; with it attached, the task runs."""
    work = task(Sent(), name="work")(lambda: 1)
    with Session(inherit=False), pytest.raises(MissingPlugin) as caught:
        work()
    assert caught.value.plugin == "posts"
    text = str(caught.value)
    assert "task 'work' asks for Sent" in text
    assert "Session(Posts(...), ...)" in text
    assert "address" in text
    with Session(Posts("here"), strict=True, inherit=False):
        assert work() == 1


def test_make_may_give_the_settings():
    """An option that overrides it brings a plugin made as it likes."""

    @attrs.frozen
    class SentHome(Sent):
        @classmethod
        def make(cls) -> object:
            return Posts("home")

    with Session(strict=True, inherit=False) as session:
        task(SentHome(), name="work")(lambda: 1)()
        assert session[Posts].address == "home"


@pytest.mark.parametrize(
    "plugins", [[Stranger, Golden], [Golden, Stranger]], ids=["stranger first", "stranger last"]
)
def test_the_order_of_attachment_does_not_decide_who_serves(plugins):
    """A stranger is a conflict before and after the plugin that would serve."""
    with Session(*(make() for make in plugins), inherit=False), pytest.raises(PluginConflict):
        letter()


@pytest.mark.parametrize("first", [0, 1])
def test_of_several_that_could_serve_any_order_will_do(first):
    """Both are attached, and none is brought."""
    plugins = [Stamps(), Golden()]
    with Session(plugins[first], plugins[1 - first], strict=True, inherit=False) as session:
        assert letter().endswith("letter")
        assert len(session.plugins) == 2


def test_an_inherited_plugin_serves():
    """An inner session brings none of its own."""
    with Session(Golden(), inherit=False), Session(strict=True) as inner:
        assert letter() == "golden letter"
        assert list(inner.plugins) == ["golden"]
