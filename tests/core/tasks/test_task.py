"""The decorator: what it takes and refuses, and what a task tells about itself."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import sys
import types
from abc import ABC, abstractmethod
from contextlib import nullcontext

import attrs
import pytest

from pegboard import (
    InvalidName,
    InvalidTask,
    Option,
    Session,
    Task,
    UnsupportedTask,
    current_call,
    hookimpl,
    task,
)
from pegboard.records import KINDS
from pegboard.tasks.task import kind_of

KIND_TRUTHS = {
    "function": (False, False, False),
    "coroutine": (True, False, False),
    "generator": (False, True, False),
    "async_generator": (False, False, True),
}


@attrs.frozen
class Level(Option):
    """An option that needs no plugin."""

    level: int = attrs.field(default=1, validator=attrs.validators.ge(0))

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


@attrs.frozen
class Keeping(Option):
    """An option whose plugin would store values."""

    stores_values = True

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


@attrs.frozen
class OneValue(Option):
    """An option for tasks that return one value."""

    plugin_name = "one_value"
    kinds = frozenset(("function", "coroutine"))


@attrs.frozen
class Handler(Option):
    """An option of which a task may have several."""

    repeatable = True
    name: str = ""

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


def function(x: int = 1) -> int:
    """Return what it gets."""
    return x


async def coroutine(x: int = 1) -> int:
    """Return what it gets, later."""
    return x


def generator(x: int = 1):
    """Yield what it gets."""
    yield x


async def async_generator(x: int = 1):
    """Yield what it gets, later."""
    yield x


BODIES = {body.__name__: body for body in (function, coroutine, generator, async_generator)}
each_kind = pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)


class Doubling:
    """Doubles what it gets."""

    def __call__(self, x: int) -> int:
        return 2 * x


class DoublingLater:
    """Doubles what it gets, later."""

    async def __call__(self, x: int) -> int:
        return 2 * x


# Decoration ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "decorate", [task, task(), task(Level(2)), task(name="n")], ids=["bare", "()", "option", "name"]
)
@each_kind
def test_the_decorator_works_bare_and_configured(decorate, body) -> None:
    """`@task`, `@task()` and `@task(...)` all make a task of the function."""
    made = decorate(body)
    assert isinstance(made, Task)
    assert made.__wrapped__ is body


@each_kind
def test_the_function_itself_is_not_changed(body) -> None:
    """Decorating adds nothing to the function and does not rename it."""
    before = dict(vars(body)), body.__name__, body.__qualname__
    task(Level(), name="other")(body)
    assert (dict(vars(body)), body.__name__, body.__qualname__) == before


@each_kind
def test_a_task_looks_like_its_function(body) -> None:
    """Name, qualified name, module, docstring and signature are those of the function."""
    made = task(body)
    for attribute in ("__name__", "__qualname__", "__module__", "__doc__"):
        assert getattr(made, attribute) == getattr(body, attribute)
    assert inspect.signature(made) == inspect.signature(body) == made.signature
    assert inspect.getdoc(made) == body.__doc__


@each_kind
def test_the_kind_is_told_and_inspect_tells_the_truth(body) -> None:
    """`task.kind` and `inspect.is...function` agree with the function."""
    made = task(body)
    truths = (
        inspect.iscoroutinefunction(made),
        inspect.isgeneratorfunction(made),
        inspect.isasyncgenfunction(made),
    )
    assert made.kind == kind_of(body) == body.__name__
    assert truths == KIND_TRUTHS[made.kind]
    assert asyncio.iscoroutinefunction(made) is (made.kind == "coroutine")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (3, "not 3"),
        ("name", "not 'name'"),
        (None, "not None"),
        (int, "int is a class"),
        (Level, "forget the parentheses? @task(Level(...))"),
        ([Level(1)], "takes options one by one, not a list of them. @task(Level(...))"),
        (types.SimpleNamespace(name="audit"), "A plugin goes on a session: Session(...)."),
        (task(function), "is a task already"),
        (property(function), "not <property"),
    ],
    ids=["number", "text", "None", "class", "option class", "list", "plugin", "task", "property"],
)
def test_what_is_no_function_is_refused_at_decoration(given, words: str) -> None:
    """`@task(3)`, `@task` on a class and the like are a TypeError that says what it got."""
    with pytest.raises(InvalidTask) as caught:
        task(given)
    assert isinstance(caught.value, TypeError)
    assert words in str(caught.value)


@pytest.mark.parametrize("given", [3, int, task(function), None], ids=["number", "class", "task", "None"])
def test_a_configured_decorator_refuses_the_same(given) -> None:
    """`@task(...)` takes a function, and nothing else."""
    with pytest.raises(InvalidTask):
        task(Level())(given)


def test_the_method_of_an_object_bound_as_a_task_is_refused() -> None:
    """A task bound to an object is a task already."""

    class Holder:
        @task
        def method(self) -> None: ...

    with pytest.raises(InvalidTask, match="is a task already"):
        task(Holder().method)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: task(nmae="typo"),
        lambda: task(Level(levle=3)),
        lambda: task(Level(), 3),
        lambda: task(function, Level()),
        lambda: task(function).with_options(3),
        lambda: task(function).with_options(Level),
        lambda: task(function).with_options(nmae="typo"),
        lambda: task(function).with_options([Level(1)]),
        lambda: task(tags=[1])(function),
        lambda: task(tags=3)(function),
        lambda: task(tags=None)(function),
    ],
    ids=[
        "keyword",
        "option field",
        "second",
        "function and option",
        "later",
        "class",
        "later keyword",
        "later list",
        "tag",
        "no tags",
        "None for tags",
    ],
)
def test_a_mistake_is_a_type_error_where_it_is_written(wrong) -> None:
    """An unknown keyword, a misspelt field and what is no option are a TypeError at decoration."""
    with pytest.raises(TypeError):
        wrong()


def test_a_bad_value_of_an_option_fails_where_it_is_written() -> None:
    """An option's validator refuses before there is a task."""
    with pytest.raises(ValueError, match="level"):
        task(Level(-1))


def test_one_option_twice_is_refused() -> None:
    """Two options of one class would silently replace each other."""
    with pytest.raises(InvalidTask, match=r"task 'function' has Level twice"):
        task(Level(1), Level(2))(function)


def test_a_repeatable_option_may_be_there_twice() -> None:
    """An option class may allow several of it on one task."""
    assert task(Handler("a"), Handler("b"))(function).options == (Handler("a"), Handler("b"))


@pytest.mark.parametrize("body", [generator, async_generator], ids=lambda body: body.__name__)
def test_an_option_for_other_kinds_is_refused(body) -> None:
    """An option says which kinds it is for, and the others are refused with names."""
    with pytest.raises(UnsupportedTask) as caught:
        task(OneValue())(body)
    error = caught.value
    assert isinstance(error, TypeError)
    assert (error.plugin, error.task, error.kind) == ("one_value", body.__name__, body.__name__)
    assert "It works on: coroutine, function." in str(error)


def test_a_sensitive_task_refuses_an_option_that_stores_values() -> None:
    """Whoever asks for both contradicts himself."""
    with pytest.raises(InvalidTask, match="sensitive, and Keeping would store its values"):
        task(Keeping(), sensitive=True)(function)
    with pytest.raises(InvalidTask, match="sensitive"):
        task(Keeping())(function).with_options(sensitive=True)


# What a task tells -----------------------------------------------------------------------------------------------


def test_the_default_name_comes_after_locals() -> None:
    """The name is the qualified one after any `<locals>.`."""

    class Local:
        @task
        def method(self) -> None: ...

    assert task(function).name == "function"
    assert task(lambda: None).name == "<lambda>"
    assert Local.method.name == "Local.method"


def test_a_given_name_may_have_dots() -> None:
    """Dots are for whoever likes to group tasks."""
    assert task(name="load.orders.day")(function).name == "load.orders.day"


def test_the_description_defaults_to_the_docstring() -> None:
    """A description is the one given, else the docstring, else empty."""
    assert task(function).description == "Return what it gets."
    assert task(description="other")(function).description == "other"
    assert task(description="")(function).description == ""
    assert task(lambda: None).description == ""


def test_tags_are_a_tuple_of_strings() -> None:
    """Tags come from any iterable; one string is one tag."""
    assert task(function).tags == ()
    assert task(tags=["a", "b"])(function).tags == ("a", "b")
    assert task(tags="one")(function).tags == ("one",)


def test_an_option_is_found_by_its_class() -> None:
    """`task.option` answers the option of a class, or None."""
    made = task(Level(3))(function)
    assert made.option(Level) == Level(3)
    assert made.option(Keeping) is None


def test_the_repr_names_task_and_kind() -> None:
    """A task's repr tells its name and kind, and no value."""
    assert repr(task(async_generator)) == "<Task async_generator (async generator)>"


# with_options ----------------------------------------------------------------------------------------------------


def test_with_options_returns_a_copy() -> None:
    """What is not given is kept, and the original stays as it was."""
    original = task(Level(1), Keeping(), name="first", description="what", tags=("t",))(function)
    changed = original.with_options(Level(2), name="second")
    assert changed is not original
    assert (changed.name, changed.description, changed.tags) == ("second", "what", ("t",))
    assert changed.options == (Keeping(), Level(2))
    assert (original.name, original.options) == ("first", (Level(1), Keeping()))


@pytest.mark.parametrize(
    ("change", "value"),
    [("name", "other"), ("description", "other"), ("tags", ("x", "y")), ("sensitive", True)],
    ids=str,
)
def test_with_options_changes_each_setting(change: str, value) -> None:
    """Every setting of the decorator can be set again later."""
    assert getattr(task(function).with_options(**{change: value}), change) == value


def test_with_options_works_on_its_own_result() -> None:
    """Copies can be changed again, and a default name stays one."""
    made = task(function).with_options(Level(1)).with_options(Keeping())
    assert made.options == (Level(1), Keeping())
    assert made.name == "function"


def test_a_copy_leaves_the_plans_of_the_original_alone() -> None:
    """Calling a copy does not change what the original does in the same session."""
    original, asked = task(function), []

    class Asking:
        name = "asking"

        @hookimpl
        def bind(self, task) -> None:
            asked.append(task)

    with Session(Asking()) as session:
        original(1)
        copy = original.with_options(Level(2))
        assert copy(5) == original(5) == 5
        assert asked == [original, copy]  # and not once more
        assert session.explain(original).options == ()


def test_a_template_is_kept_by_with_options() -> None:
    """A name with placeholders stays a template in a copy."""

    @task(name="f_{x}")
    def named(x: int) -> str:
        return current_call().name

    with Session():
        assert named.with_options(Level())(3) == "f_3"


# Callables that are no functions ---------------------------------------------------------------------------------


CALLABLES = {
    "instance": (Doubling(), "Doubling", "function", 4),
    "async instance": (DoublingLater(), "DoublingLater", "coroutine", 4),
    "partial": (functools.partial(max, 1), "max", "function", 2),
    "partial of a coroutine": (functools.partial(coroutine), "coroutine", "coroutine", 2),
    "bound method": (Doubling().__call__, "Doubling.__call__", "function", 4),
    "builtin": (abs, "abs", "function", 2),
    "cached": (functools.lru_cache(function), "function", "function", 2),
    "partial of an async task": (functools.partial(task(coroutine)), "coroutine", "coroutine", 2),
}


@pytest.mark.parametrize(("given", "name", "kind", "value"), CALLABLES.values(), ids=CALLABLES)
@pytest.mark.parametrize("inside", [False, True], ids=["no session", "session"])
def test_any_callable_can_be_a_task(given, name: str, kind: str, value: int, inside: bool) -> None:
    """A callable without a name of its own gets a stable one, and its kind is that of what runs."""
    made = task(given)
    assert (made.name, made.kind) == (name, kind)
    assert inspect.iscoroutinefunction(made) is (kind == "coroutine")
    if inside:
        with Session():
            assert made.run(2).unwrap() == value
    else:
        assert made.run(2).unwrap() == value


def test_a_partial_is_described_by_what_it_holds() -> None:
    """Its docstring is that of the function, not that of `functools.partial`."""
    assert task(functools.partial(function, 1)).description == "Return what it gets."
    assert task(functools.partial(function, 1)).__doc__ == function.__doc__


def test_the_signature_of_a_partial_is_what_is_left() -> None:
    """What a partial already holds needs not be given."""
    assert str(task(functools.partial(function, 1)).signature) == "() -> 'int'"


def test_a_function_that_wraps_a_coroutine_function_is_a_function() -> None:
    """The kind is that of the outermost function, whatever it wraps."""

    @functools.wraps(coroutine)
    def wrapper(x: int) -> object:
        return x

    assert task(wrapper).kind == "function"
    assert task(wrapper)(2) == 2


def test_attributes_of_a_function_are_kept_and_hide_nothing() -> None:
    """A task has its function's attributes, but none of them hides a way to call it."""

    def marked(x: int) -> int:
        return x

    marked.mark = "m"
    marked.map = marked.run = marked.kind = "mine"
    made = task(marked)
    assert made.mark == "m"
    assert made.map([1, 2]) == [1, 2]
    assert made.run(3).value == 3
    assert made.kind == "function"


def test_an_abstract_method_stays_abstract() -> None:
    """A class with an abstract task cannot be instantiated."""

    class Base(ABC):
        @task
        @abstractmethod
        def method(self) -> int: ...

    with pytest.raises(TypeError, match="abstract"):
        Base()


@pytest.mark.parametrize("inside", [False, True], ids=["no session", "session"])
def test_a_parameter_may_be_called_self(inside: bool) -> None:
    """No parameter of a task clashes with those of Pegboard's own methods."""

    @task
    def odd(self: int, task: int = 0, args: int = 0, call: int = 0) -> tuple[int, ...]:
        return self, task, args, call

    with Session() if inside else nullcontext():
        assert odd(self=1, task=2, args=3, call=4) == (1, 2, 3, 4)
        assert odd.run(self=1, task=2).value == (1, 2, 0, 0)
        assert odd.submit(self=1, call=2).result() == (1, 0, 0, 2)
        assert asyncio.run(odd.acall(self=1)) == (1, 0, 0, 0)


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy], ids=["copy", "deepcopy"])
def test_a_copied_task_is_the_same_task(copied) -> None:
    """As with functions, copying a structure that holds a task copies the reference."""

    @task
    def local() -> None: ...

    assert copied([local])[0] is local


def test_the_kinds_are_the_four_documented_ones() -> None:
    """There are four kinds, and the tests here have a body for each."""
    assert set(BODIES) == KINDS


def test_a_name_must_be_text() -> None:
    """A name of another type is refused at decoration."""
    with pytest.raises(InvalidName, match="is a str, not 3") as caught:
        task(name=3)(function)
    assert caught.value.name == 3


def test_an_option_may_refuse_a_task_at_decoration() -> None:
    """`Option.check` sees the finished task, its options included, and what it raises stops the decoration."""
    seen = []

    @attrs.frozen
    class Picky(Option):
        def check(self, task) -> None:
            seen.append((task.name, list(task.signature.parameters), task.options))
            raise TypeError("not this one")

        @classmethod
        def plugin(cls) -> None:
            """Nobody reads it."""

    with pytest.raises(TypeError, match="not this one"):
        task(Picky(), name="named")(lambda x: x)
    assert seen == [("named", ["x"], (Picky(),))]


def test_a_docstring_needs_no_look_at_a_class() -> None:
    """In a worker the class may be half made, and the interpreter raises what nobody catches."""

    class HalfMade(types.ModuleType):
        def __getattr__(self, name: str) -> object:
            raise SystemError(name)

    def method(self: object) -> None: ...

    method.__module__, method.__qualname__ = "half_made", "Shop.method"
    sys.modules["half_made"] = HalfMade("half_made")
    try:
        assert task(method).description == ""
    finally:
        del sys.modules["half_made"]
