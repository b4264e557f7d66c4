"""Keys: what shares a value and what does not."""

from __future__ import annotations

import functools
import operator
import subprocess
import sys
from itertools import count
from types import MappingProxyType

import pytest

from pegboard import BindError, Session, task
from pegboard_cache import Cache, Caching
from pegboard_cache.keys.key import keys_of, prefix_of


@task(Cache())
def f(a, b=2, *, c=None):
    return a, b, c


def key(*args, option=None, of=f, **kwargs):
    """The key of a call."""
    option = option or Cache()
    return keys_of(of, option.key, option.version)(args, kwargs)


def test_spelling_of_a_call_does_not_matter():
    """Positional, named and default arguments share."""
    assert key(1, 2) == key(1, b=2) == key(b=2, a=1) == key(1) == key(1, c=None)


def test_types_matter():
    """1, 1.0, True and "1" do not share."""
    assert len({key(value) for value in (1, 1.0, True, "1", b"1", (1,), [1], None)}) == 8


def test_order_of_dicts_and_sets_does_not_matter():
    """Dict and set order plays no part."""
    assert key({"x": 1, "y": {1, 2}}) == key({"y": {2, 1}, "x": 1})


def test_version_and_name():
    """Another version or another name is another key."""
    assert len({key(1), key(1, option=Cache(version=1)), key(1, option=Cache(version="1"))}) == 3
    assert key(1) != key(1, of=f.with_options(name="g"))


def test_options_that_do_not_matter():
    """The ttl and the store are no part of the key."""
    assert key(1) == key(1, option=Cache(ttl=5, store="elsewhere"))


def test_key_function_replaces_the_arguments():
    """With a key function equal strings share, whatever the arguments are."""
    option = Cache(key=lambda inputs: inputs["a"].lower())
    assert key("X", 1, option=option) == key("x", 2, option=option)
    assert key("X", option=option) != key("y", option=option)


def test_key_function_gets_a_mapping():
    """The key function takes the inputs by name, defaults included, and cannot change them."""
    seen = []
    key(1, option=Cache(key=lambda inputs: str(seen.append(inputs))))
    assert seen == [{"a": 1, "b": 2, "c": None}]
    assert type(seen[0]) is MappingProxyType


def test_key_function_that_returns_no_string():
    """Anything but a string is refused, and the text says what to do."""
    with pytest.raises(TypeError, match=r"returned an int.*is a string"):
        key(1, option=Cache(key=lambda inputs: inputs["a"]))


HOSTILE = ["..", "../../x", "/etc/passwd", "C:\\x", "a\0b", "a\\b", "x" * 300, "s3://b/k", "", ".", "~", "\ud800", "%2e%2e"]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_any_string_is_a_key(text):
    """Any string may be a custom key, and none is part of the key as it is."""
    made = key(1, option=Cache(key=lambda _: text))
    assert made.startswith("f:")
    assert len(made) == len(prefix_of(f)) + 40


def test_same_in_every_process(tmp_path):
    """Three processes with other hash seeds come to the same key, as script and as module."""
    (tmp_path / "keys.py").write_text(
        "import attrs\n"
        "from pegboard import task\n"
        "from pegboard_cache import Cache\n"
        "from pegboard_cache.keys.key import keys_of\n"
        "@attrs.frozen\nclass P:\n    x: int\n"
        "def helper(x):\n    return x in {'a', 'b', 'c'}\n"
        "@task(Cache())\ndef f(*a):\n    return helper(a)\n"
        "print(keys_of(f)(({'a', 'b', 'c'}, {'x': 1, 'y': 2.5}, P(1), 'é'), {}))\n"
    )
    commands = [["keys.py"], ["-m", "keys"], ["-c", "import keys"]]
    found = {
        subprocess.run(
            [sys.executable, *command],
            cwd=tmp_path,
            env={"PYTHONHASHSEED": str(seed), "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, command in enumerate(commands)
    }
    assert len(found) == 1


def test_prefix_belongs_to_one_task():
    """A task whose name begins with the name of another does not have its prefix."""
    other = f.with_options(name="f:x")
    assert not key(1, of=other).startswith(prefix_of(f))


def test_rebound_closure():
    """A closure that was given another value has other keys at its next call."""
    factor = 1

    @task(Cache())
    def times(x):
        return x * factor

    key_of = keys_of(times)
    before = key_of((1,), {})
    factor = 2
    assert key_of((1,), {}) != before


def test_builtin_without_signature():
    """A builtin that does not tell its signature is keyed by the arguments as passed."""
    largest = task(max)
    assert key(1, 2, of=largest) == key(1, 2, of=largest) != key(2, 1, of=largest)


TABLE = """
import functools
from pegboard import BindError, Session, task
from pegboard_cache import Cache, Caching
from pegboard_cache.keys.key import keys_of
{helper}
{body}
def key(f, *args, **kwargs):
    return keys_of(f, version=f.option(Cache).version)(args, kwargs)
result = {call}
"""
PLAIN = {
    "helper": "def helper(x):\n    return x",
    "body": "@task(Cache())\ndef f(a, b=1):\n    return helper(a) + b",
    "call": "key(f, 2)",
}
CELLS = "def make(c):\n    @task(Cache())\n    def f(a):\n        return a, c\n    return f"


def key_in(**changes):
    """The key that a module comes to, which differs from the plain one by some of its texts."""
    module = {"__name__": "table"}
    exec(TABLE.format(**{**PLAIN, **changes}), module)
    return module["result"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"call": "key(f, 1)"}, {"call": "key(f, True)"}, False),
        ({"call": "key(f, 1)"}, {"call": "key(f, 1.0)"}, False),
        ({"call": "key(f, 1)"}, {"call": "key(f, '1')"}, False),
        ({"call": "key(f, [1])"}, {"call": "key(f, (1,))"}, False),
        ({"call": "key(f, None)"}, {"call": "key(f, '')"}, False),
        ({"call": "key(f, 2, 1)"}, {"call": "key(f, 1, 2)"}, False),
        ({}, {"helper": "def helper(x):\n    return -x"}, False),
        ({}, {"helper": "def helper(x, y=1):\n    return x"}, False),
        ({}, {"body": "@task(Cache())\ndef f(a, b=1):\n    return helper(a) - b"}, False),
        ({}, {"body": "@task(Cache())\ndef f(a, b=1.0):\n    return helper(a) + b"}, False),
        ({}, {"body": "@task(Cache(version=2))\ndef f(a, b=1):\n    return helper(a) + b"}, False),
        ({"body": CELLS, "call": "key(make(1), 2)"}, {"body": CELLS, "call": "key(make(2), 2)"}, False),
        ({"body": CELLS, "call": "key(make(1), 2)"}, {"body": CELLS, "call": "key(make(True), 2)"}, False),
        ({"call": "key(f, 2)"}, {"call": "key(f, b=1, a=2)"}, True),
        ({"call": "key(f, {1: 2, 'x': 3})"}, {"call": "key(f, {'x': 3, 1: 2})"}, True),
        ({"call": "key(f, {'a', 'b', 'c'})"}, {"call": "key(f, {'c', 'b', 'a'})"}, True),
    ],
    ids=str,
)
def test_table_of_pairs(one, other, same):
    """What makes another key, and what does not."""
    assert (key_in(**one) == key_in(**other)) is same


async def later(inputs):
    return inputs["url"]


class LaterObject:
    async def __call__(self, inputs):
        return inputs["url"]


WRONG = {
    "none": lambda: "x",
    "two": lambda url, page: url,
    "by name only": lambda *, inputs: inputs["url"],
    "one too many": lambda inputs, more: "x",
    "partial": functools.partial(lambda a, b: "x", "a", "b"),
    "class": type("Key", (), {"__init__": lambda self: None}),
    "object": type("Key", (), {"__call__": lambda self: "x"})(),
    "coroutine function": later,
    "object of a coroutine function": LaterObject(),
    "generator": lambda inputs: (yield "x"),
    "task that is a coroutine": task(later),
}


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async generator"])
@pytest.mark.parametrize("key", WRONG.values(), ids=WRONG)
def test_key_that_cannot_be_called(kind, key):
    """A `key` that every call would fail with is refused when the task is bound, with the signature that it needs."""

    def function(url, page=1):
        raise AssertionError("it runs")

    async def coroutine(url, page=1):
        raise AssertionError("it runs")

    def generator(url, page=1):
        yield function(url)

    async def async_generator(url, page=1):
        yield function(url)

    body = {"function": function, "coroutine": coroutine, "generator": generator}.get(kind, async_generator)
    with Session(Caching(), inherit=False) as session, pytest.raises(BindError, match="key") as caught:
        session.plan_for(task(Cache(key=key), name="fetch")(body))
    assert "(inputs)" in str(caught.value)
    assert (caught.value.task, caught.value.plugin) == ("fetch", "cache")


@pytest.mark.parametrize(
    "key",
    [
        lambda inputs: inputs["url"],
        lambda inputs, more=1: inputs["url"],
        lambda *inputs: inputs[0]["url"],
        functools.partial(lambda more, inputs: inputs["url"], 1),
        operator.itemgetter("url"),
        str,
        task(lambda inputs: inputs["url"]),
    ],
    ids=["function", "default", "any number", "partial", "itemgetter", "class", "task"],
)
def test_key_that_can(key):
    """Whatever takes the mapping and returns a string may be a `key`."""
    runs = count()
    fetch = task(Cache(key=key))(lambda url: next(runs))
    with Session(Caching(), inherit=False):
        assert [fetch("a"), fetch(url="a"), fetch("b")] == [0, 0, 1]
