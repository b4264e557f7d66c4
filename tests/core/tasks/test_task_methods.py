"""Tasks in classes: methods, classmethods and staticmethods."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import sys

import attrs
import pytest

from pegboard import Option, Session, Task, current_call, task
from pegboard.tasks.task import BoundTask
from pegboard.testing import Recorder


@attrs.frozen
class Level(Option):
    level: int = 1

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


class Shop:
    """A class with a task of every sort; `factor` tells which object or class a task was bound to."""

    factor = 1

    def __init__(self, factor: int = 2) -> None:
        self.factor = factor

    @task
    def method(self, x: int, y: int = 0) -> int:
        """Multiply."""
        return self.factor * x + y

    @task()
    async def later(self, x: int) -> int:
        return self.factor * x

    @task
    def items(self, x: int):
        yield self.factor * x

    @task
    async def items_later(self, x: int):
        yield self.factor * x

    @task
    @classmethod
    def class_inside(cls, x: int, y: int = 0) -> int:
        """Multiply."""
        return cls.factor * x + y

    @classmethod
    @task
    def class_outside(cls, x: int, y: int = 0) -> int:
        """Multiply."""
        return cls.factor * x + y

    @task(name="given")
    @classmethod
    def class_configured(cls, x: int, y: int = 0) -> int:
        """Multiply."""
        return cls.factor * x + y

    @task
    @staticmethod
    def static_inside(x: int, y: int = 0) -> int:
        """Multiply."""
        return 3 * x + y

    @staticmethod
    @task
    def static_outside(x: int, y: int = 0) -> int:
        """Multiply."""
        return 3 * x + y

    @task(name="given")
    @staticmethod
    def static_configured(x: int, y: int = 0) -> int:
        """Multiply."""
        return 3 * x + y


class Branch(Shop):
    """Inherits every task."""

    factor = 10


CLASS_METHODS = ("class_inside", "class_outside", "class_configured")
STATIC_METHODS = ("static_inside", "static_outside", "static_configured")
ON_OBJECT = {"method": 2, **dict.fromkeys(CLASS_METHODS, 1), **dict.fromkeys(STATIC_METHODS, 3)}
# From 3.13 on a classmethod binds what it wraps by itself, so that `.run` of `@classmethod` above `@task` knows no class.
BINDS_BY_TASK = {n: f for n, f in ON_OBJECT.items() if n != "class_outside" or sys.version_info < (3, 13)}
each_way = pytest.mark.parametrize(("name", "factor"), BINDS_BY_TASK.items(), ids=BINDS_BY_TASK)
each_sort = pytest.mark.parametrize(("name", "factor"), ON_OBJECT.items(), ids=ON_OBJECT)


@each_sort
@pytest.mark.parametrize("inside", [False, True], ids=["no session", "session"])
def test_a_task_in_a_class_binds(name: str, factor: int, inside: bool) -> None:
    """Called on an object, each sort gets what its plain counterpart would get."""
    if inside:
        with Session():
            assert getattr(Shop(), name)(5, y=1) == 5 * factor + 1
    else:
        assert getattr(Shop(), name)(5, y=1) == 5 * factor + 1


@pytest.mark.parametrize("name", [*CLASS_METHODS, *STATIC_METHODS])
def test_class_and_static_methods_work_on_the_class(name: str) -> None:
    """Neither needs an object."""
    assert getattr(Shop, name)(5) == 5 * ON_OBJECT[name]


def test_a_method_of_the_class_takes_the_object_as_an_argument() -> None:
    """On the class a method is the task itself, as a function would be."""
    assert isinstance(Shop.method, Task)
    assert Shop.method(Shop(), 5) == 10


@pytest.mark.parametrize("name", CLASS_METHODS)
def test_a_classmethod_of_a_subclass_gets_the_subclass(name: str) -> None:
    """`cls` is the class that it was called on, on the class and on its objects."""
    assert getattr(Branch, name)(5) == 50
    assert getattr(Branch(), name)(5) == 50


@each_sort
def test_name_doc_and_signature_are_kept(name: str, factor: int) -> None:
    """A bound task tells what a bound method would tell."""
    bound = getattr(Shop(), name)
    assert bound.__name__ == name
    assert bound.__qualname__ == f"Shop.{name}"
    assert bound.__doc__ == inspect.getdoc(bound) == "Multiply."
    assert str(inspect.signature(bound)) == "(x: 'int', y: 'int' = 0) -> 'int'"


@each_way
def test_every_way_to_call_is_bound(name: str, factor: int) -> None:
    """`run`, `arun`, `acall`, `submit`, `map` and `amap` pass the object on as a call does."""
    bound = getattr(Shop(), name)

    async def main() -> None:
        assert (await bound.arun(5)).unwrap() == 5 * factor
        assert await bound.acall(5, y=1) == 5 * factor + 1
        assert await bound.amap([1, 2]) == [factor, 2 * factor]

    with Session():
        assert bound.run(5, y=1).unwrap() == 5 * factor + 1
        assert bound.submit(5).result() == 5 * factor
        assert bound.map([1, 2], [3, 4]) == [factor + 3, 2 * factor + 4]
        asyncio.run(main())


def test_methods_of_the_other_kinds_bind() -> None:
    """Coroutine, generator and async generator methods keep their kind."""
    shop = Shop()
    assert inspect.iscoroutinefunction(shop.later)
    assert inspect.isgeneratorfunction(shop.items)
    assert inspect.isasyncgenfunction(shop.items_later)
    with Session():
        assert asyncio.run(shop.later(5)) == 10
        assert list(shop.items(5)) == [10]
        assert shop.items_later.run(5).value == [10]


def test_the_call_of_a_method_has_the_object_among_its_inputs() -> None:
    """The object is the first input, under the name its function gives it."""
    shop = Shop()
    recorder = Recorder()
    with Session(recorder):
        shop.method(5)
    assert dict(recorder.of("before_execute")[0].subject.inputs) == {"self": shop, "x": 5, "y": 0}


def test_super_reaches_the_task_of_the_base() -> None:
    """An overriding task can call the one it overrides."""

    class Deep(Shop):
        @task
        def method(self, x: int, y: int = 0) -> int:
            return super().method(x, y) + 1

        @task
        @classmethod
        def class_inside(cls, x: int, y: int = 0) -> int:
            return super().class_inside(x, y) + 1

    with Session():
        assert Deep().method(5) == 11
        assert Deep.class_inside(5) == 6


def test_two_objects_share_one_task() -> None:
    """A method is one task, whatever it is bound to: one plan, one name."""
    one, two = Shop(2), Shop(3)
    assert one.method.name == two.method.name == "Shop.method"
    assert one.method.__func__ is two.method.__func__
    with Session():
        assert (one.method(1), two.method(1)) == (2, 3)


def test_bound_tasks_compare_as_bound_methods() -> None:
    """Equal means: the same task of the same object."""
    shop = Shop()
    assert shop.method == shop.method
    assert hash(shop.method) == hash(shop.method)
    assert shop.method != Shop().method
    assert shop.method != shop.later
    assert len({shop.method, shop.method}) == 1


def test_with_options_of_a_bound_task_stays_bound() -> None:
    """The copy is bound to the same object, and the class keeps its task."""
    changed = Shop().method.with_options(Level(3), name="other")
    assert isinstance(changed, BoundTask)
    assert (changed.name, changed.options) == ("other", (Level(3),))
    assert changed(5) == 10
    assert Shop.method.options == ()


def test_a_bound_task_tells_what_its_task_tells() -> None:
    """Name, kind, options, description and tags of the task are reached through the object."""
    bound = Shop().method
    assert (bound.kind, bound.name, bound.options) == ("function", "Shop.method", ())
    assert (bound.description, bound.tags) == ("Multiply.", ())


def test_the_repr_of_a_bound_task_shows_no_value() -> None:
    """It names task and type of the object, not the object."""
    assert repr(Shop().method) == "<bound <Task Shop.method (function)> of Shop>"


def test_a_bound_task_can_be_explained() -> None:
    """`session.explain` takes a method as it is written."""
    with Session() as session:
        assert session.explain(Shop().method).task == "Shop.method"


@each_sort
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_bound_tasks_survive_pickling(name: str, factor: int, protocol: int) -> None:
    """The object travels, the task is found by name."""
    again = pickle.loads(pickle.dumps(getattr(Shop(7), name), protocol))
    assert again(5) == (35 if name == "method" else 5 * factor)


@each_way
def test_changed_options_of_a_bound_task_survive_pickling(name: str, factor: int) -> None:
    """A copy made by `with_options` is made again where it is loaded."""
    changed = getattr(Shop(7), name).with_options(Level(3), name="other")
    again = pickle.loads(pickle.dumps(changed))
    assert (again.name, again.options) == ("other", (Level(3),))
    assert again(5) == changed(5)


def test_the_task_of_the_base_is_pickled_although_it_is_overridden() -> None:
    """A bound task is the task it was bound from, not whatever has its name."""
    again = pickle.loads(pickle.dumps(Shop.method.__get__(Overriding(7))))
    assert again(1) == 7


class Overriding(Shop):
    """Has another task under the same name."""

    @task
    def method(self, x: int, y: int = 0) -> int:
        return -1


def test_a_method_with_variable_arguments_binds() -> None:
    """`def f(*args)` as a method gets the object first, and its signature stays true."""

    class Loose:
        @task
        def method(*args, **kwargs):
            return args, kwargs

    loose = Loose()
    assert str(inspect.signature(loose.method)) == "(*args, **kwargs)"
    with Session():
        assert loose.method(1, a=2) == ((loose, 1), {"a": 2})


def test_a_method_knows_its_call() -> None:
    """`current_call()` works in methods, too, and names class and method."""

    class Knowing:
        @task(name="knows_{x}")
        def method(self, x: int) -> str:
            return current_call().name

    with Session():
        assert Knowing().method(3) == "knows_3"


def test_slots_and_frozen_objects_can_have_tasks() -> None:
    """Binding writes nothing into the object."""

    @attrs.frozen
    class Point:
        x: int

        @task
        def doubled(self) -> int:
            return 2 * self.x

    with Session():
        assert Point(4).doubled() == 8
