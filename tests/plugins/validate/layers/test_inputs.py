"""Arguments: checked once a call, before its first attempt, wherever they are given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from pegboard import BindError, Layer, Order, Secret, Session, hookimpl, task
from pegboard.testing import Recorder
from pegboard_validate import InvalidInput, InvalidOutput, Validate


class Item(BaseModel):
    name: str
    price: float = 0.0


def order(count: int, item: Item, *codes: int, note: str = "", **rates: float) -> tuple[Any, ...]:
    return count, item, codes, note, rates


def test_arguments_become_what_the_annotations_say(session, any_kind, value_of):
    """In all four kinds, an argument that fits or can be coerced reaches the function as its annotation."""
    probe = any_kind(order, Validate(inputs=True))
    found = value_of(probe, "2", {"name": "peg"}, "3", 4, note="n", vat="0.5")
    assert found == (2, Item(name="peg"), (3, 4), "n", {"vat": 0.5})


def test_every_argument_that_does_not_fit_is_named(session, any_kind):
    """One error names all of them, by dotted path, and the function does not run."""
    probe = any_kind(order, Validate(inputs=True))
    recorder = Recorder()
    session.register(recorder)
    error = probe.run("x", {"price": "y"}, 1, "z", note=3, vat="v").error
    assert type(error) is InvalidInput
    assert error.errors == (
        ("count", "int_parsing"),
        ("item.name", "missing"),
        ("item.price", "float_parsing"),
        ("codes.1", "int_parsing"),
        ("note", "string_type"),
        ("vat", "float_parsing"),
    )
    assert (error.field, error.task, error.retryable) == ("count", "order", False)
    assert recorder.of("before_attempt") == []


def test_by_name(session, both):
    """An argument is checked the same, by name or by position."""
    probe = both(order, Validate(inputs=True))
    assert probe.run(item={"name": "peg"}, count="2").unwrap()[0] == 2
    assert probe.run(item={"name": "peg"}, count="x").error.field == "count"


def test_by_name_after_one_that_is_not_checked(session):
    """A parameter without a check does not keep the next from having one."""

    @task(Validate(inputs={"b": "number"}))
    def work(a, b):
        return a, b

    assert work.run(a="x", b="y").error.field == "b"


def test_strict(session):
    """`strict=True` takes only values of the very type."""
    lax, strict = task(Validate(inputs=True))(order), task(Validate(inputs=True, strict=True))(order)
    item = Item(name="peg")
    assert lax(2.0, item)[0] == 2
    assert strict(2, item)[0] == 2
    assert strict.run(2.0, item).error.errors == (("count", "int_type"),)


def test_what_fits_is_passed_on_as_it_is(session):
    """Values that need no change are the caller's own objects."""
    item, text = Item(name="peg"), str(object())
    _, same, _, note, _ = task(Validate(inputs=True))(order)(1, item, note=text)
    assert same is item
    assert note is text


def test_a_missing_argument_is_a_type_error(session, any_kind):
    """Arguments that do not fit the signature stay the TypeError of the call."""
    error = any_kind(order, Validate(inputs=True)).run("x").error
    assert type(error) is TypeError
    assert "item" in str(error)


def test_defaults_are_the_functions_own(session):
    """A default is not checked: the function's author chose it."""

    @task(Validate(inputs=True))
    def work(x: int = None) -> Any:  # noqa: RUF013
        return x

    assert work() is None
    assert isinstance(work.run(None).error, InvalidInput)


class Shop:
    def __init__(self, factor):
        self.factor = factor

    @task(Validate(inputs=True))
    def price(self: Shop, amount: int) -> int:
        return self.factor * amount

    @task(Validate(inputs=True))
    @classmethod
    def name(cls: int, amount: int) -> Any:
        return cls, amount

    @task(Validate(inputs=True))
    @staticmethod
    def plain(amount: int) -> int:
        return amount


def test_methods(session):
    """The object or class a method is bound to is not checked; what comes after is."""
    assert Shop(3).price("2") == 6
    assert Shop.name("2") == (Shop, 2)
    assert Shop.plain("2") == 2
    assert Shop(3).price.run("x").error.field == "amount"


class Injecting:
    """Fills in `token`, as a plugin of secrets or connections does."""

    name = "injecting"

    @hookimpl
    def bind(self, task):
        async def run(call, proceed):
            return await proceed(call.with_args(**call.inputs, token=self))

        return (
            Layer("injecting", Order.INJECT, run=run, provides=("token",))
            if "token" in task.signature.parameters
            else None
        )


def test_what_layers_fill_in_is_not_checked():
    """A parameter that another layer provides is left to it, and shifts no position."""

    @task(Validate(inputs=True))
    def work(amount: int, token: int, rest: str = "") -> Any:
        return amount, token, rest

    plugin = Injecting()
    with Session(plugin, inherit=False):
        assert work("2", "x") == (2, plugin, "x")
        assert work(rest="x", amount="2") == (2, plugin, "x")
        assert work.run("x", 3).error.errors == (("amount", "int_parsing"), ("rest", "string_type"))


@pytest.mark.parametrize("annotation", [Secret, Secret[str], "Secret[str] | None", str, int, Any])
def test_secrets_pass_untouched(session, annotation):
    """A `Secret` is not looked into, whatever the annotation says."""

    def work(key, other: int):
        return key, other

    work.__annotations__["key"] = annotation
    secret = Secret("x")
    assert task(Validate(inputs=True))(work)(secret, "3") == (secret, 3)
    assert task(Validate(inputs=True))(work)(key=secret, other="3")[0] is secret


def test_iterables_are_not_taken_from(session):
    """An iterator is checked to be one, and no item of it is touched: a second attempt needs them, too."""

    @task(Validate(inputs=True))
    def work(items: Iterable[int], more: Iterator[int] | None = None) -> Any:
        return items, more

    items, more = ["x"], iter("y")
    assert work(items, more) == (items, more)
    assert work.run(3).error.errors == (("items", "is_instance_of"),)


def test_named_parameters(session):
    """A dict checks the parameters it names: by shorthand, JSON Schema or type; the others pass."""

    @task(
        Validate(
            inputs={
                "age": "number",
                "tags": ["string"],
                "item": Item,
                "code": {"type": "string", "maxLength": 3},
            }
        )
    )
    def work(age, tags, item, code, other=None):
        return age, item

    assert work(3, ["a"], {"name": "peg"}, "abc", object()) == (3, Item(name="peg"))
    assert work.run(True, "a", {}, "abcd").error.errors == (
        ("age", "number_type"),
        ("tags", "array_type"),
        ("item.name", "missing"),
        ("code", "maxLength"),
    )


def test_text_is_no_json_in_an_argument(session):
    """Only results are read from text: an argument is a value, and a text in its place is wrong."""
    assert task(Validate(inputs=True))(order).run(1, '{"name": "peg"}').error.errors == (
        ("item", "model_type"),
    )


def test_json_schema_of_all_arguments(session, any_kind, value_of):
    """JSON Schema of an object checks all arguments together, defaults included, and changes none."""
    schema = {
        "type": "object",
        "properties": {"low": {"type": "number"}, "high": {"type": "number"}},
        "required": ["low", "high"],
        "if": {"properties": {"low": {"minimum": 10}}},
        "then": {"properties": {"high": {"minimum": 10}}},
    }

    def span(low, high=5):
        return low, high

    probe = any_kind(span, Validate(inputs=schema))
    assert value_of(probe, 1) == (1, 5)
    assert probe.run(10).error.errors == (("high", "minimum"),)
    assert probe.run(1, "5").error.errors == (("high", "type"),)


def test_json_schema_leaves_secrets_out(session):
    """A `Secret` is no part of the object that is checked."""
    schema = {"type": "object", "properties": {"key": {"type": "string"}, "x": {"type": "number"}}}

    @task(Validate(inputs=schema))
    def work(key, x):
        return key.reveal(), x

    assert work(Secret("k"), 3) == ("k", 3)


def test_a_name_that_is_no_parameter(session):
    """Naming a parameter that is not there is an error at the first call, not a check that never fails."""

    @task(Validate(inputs={"aeg": "number"}))
    def work(age):
        return age

    with pytest.raises(BindError, match=r"'aeg', which is no parameter of task .*\n.*age"):
        work(1)


def test_a_stream_is_checked_at_its_first_step(session):
    """Calling a generator task checks nothing; the first step does."""

    @task(Validate(inputs=True))
    def count(to: int) -> Iterator[int]:
        yield from range(to)

    stream = count("x")
    with pytest.raises(InvalidInput):
        next(stream)
    assert list(count("3")) == [0, 1, 2]


def test_an_error_of_the_body_is_its_own(session, any_kind):
    """What the function raises leaves as it is, also a ValueError."""
    boom = ValueError("boom")

    def work(x: int):
        raise boom

    assert any_kind(work, Validate(inputs=True, output=int)).run("1").error is boom


def test_both_errors_are_value_errors():
    """`except ValueError` finds both; only a failed output may be retried."""
    assert issubclass(InvalidInput, ValueError)
    assert issubclass(InvalidOutput, ValueError)
    assert (InvalidInput.retryable, InvalidOutput.retryable) == (False, True)


def test_observers_see_what_was_passed(session):
    """The call that plugins know keeps its own arguments; only the function gets the coerced ones."""
    recorder = Recorder()
    session.register(recorder)

    @task(Validate(inputs=True))
    def work(x: int) -> int:
        return x

    assert work("3") == 3
    assert recorder.of("after_execute")[0].subject.args == ("3",)
