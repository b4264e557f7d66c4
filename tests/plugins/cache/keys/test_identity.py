"""What makes a function this function."""

from __future__ import annotations

import functools
import threading
import types

import pytest

from pegboard import task
from pegboard_cache.keys.identity import identity_of


def function_of(source, **names):
    """The function `f` of a module text; each call makes a new one, as a new import does."""
    module = types.ModuleType("edited")
    module.__dict__.update(names)
    exec(compile(source, "edited.py", "exec"), module.__dict__)
    return module.f


def digest(source, **names):
    return identity_of(function_of(source, **names)).digest


BASE = "def f(a, b=1):\n    return a + b\n"


@pytest.mark.parametrize(
    "edited",
    [
        "def f(a, b=1):\n    return a - b\n",
        "def f(a, b=2):\n    return a + b\n",
        "def f(a, b=True):\n    return a + b\n",
        "def f(a, *, b=1):\n    return a + b\n",
        "def f(a, b=1):\n    return a + b + 1\n",
        "def f(a, b=1):\n    return (lambda: a + b)()\n",
        "def f(a, b=1):\n    try:\n        return a + b\n    except ValueError:\n        return 0\n",
        "async def f(a, b=1):\n    return a + b\n",
    ],
)
def test_edited(edited):
    """An edited body or default is another function."""
    assert digest(edited) != digest(BASE)


@pytest.mark.parametrize(
    "same",
    [
        "\n\n# comment\ndef f(a, b=1):\n\n    return a + b\n",
        "def f(a: int, b: int = 1) -> int:\n    return (a + b)\n",
    ],
)
def test_layout(same):
    """Lines, comments and annotations do not make another function."""
    assert digest(same) == digest(BASE)


def test_edited_inner_function():
    """An edit in a function inside the body counts."""
    text = "def f(a):\n    def g(x):\n        return x {} 1\n    return g(a)\n"
    assert digest(text.format("+")) != digest(text.format("-"))


def test_edited_helper():
    """An edit of a helper of the same module counts, however far away, and so it does for a task."""
    text = "{mark}\ndef h(x):\n    return x {op} 1\ndef g(x):\n    return h(x)\ndef f(a):\n    return g(a)\n"
    for mark in ("", "@task"):
        plain, edited = (digest(text.format(mark=mark, op=op), task=task) for op in "+-")
        assert plain != edited


def test_helpers_in_a_circle():
    """Functions that call each other are identified, and an edit in one counts."""
    text = "def g(x):\n    return f(x) {} 1\ndef f(a):\n    return g(a)\n"
    assert digest(text.format("+")) == digest(text.format("+"))
    assert digest(text.format("+")) != digest(text.format("-"))


def closure(value):
    def f(x):
        return x, value

    return f


@pytest.mark.parametrize(
    ("one", "other"), [(1, 2), (1, True), (1, 1.0), ("a", "b"), ([1], [2]), (len, abs), (int, str)], ids=str
)
def test_other_cells(one, other):
    """Closures over other values are other functions."""
    assert identity_of(closure(one)).digest != identity_of(closure(other)).digest


def test_equal_cells():
    """Closures over equal values are the same function, in every process."""
    one, other = identity_of(closure([1, "a"])), identity_of(closure([1, "a"]))
    assert one.digest == other.digest
    assert one.portable


def test_closure_over_functions():
    """Closures over functions of different code, and over tasks, are different."""
    lambdas = [closure(lambda x: x + 1), closure(lambda x: x + 2), closure(task(lambda x: x + 1))]
    assert len({identity_of(each).digest for each in lambdas}) == 3


def test_rebound_cell():
    """When a closed-over name gets another value, the function is another one."""
    factor = 1

    def f(x):
        return x * factor

    before = identity_of(f)
    factor = 2
    assert not before.holds()
    assert identity_of(f).digest != before.digest


def test_assigned_cell():
    """A name that the body itself assigns is its doing, and changes nothing."""
    runs = 0

    def f(x):
        nonlocal runs
        runs += 1
        return x

    before = identity_of(f)
    f(1)
    assert identity_of(f) is before


def test_assigned_cells_of_two_functions():
    """Nor does it tell two functions apart that are made alike."""

    def make(runs):
        def f(x):
            nonlocal runs
            runs += 1
            return x

        return f

    assert identity_of(make(0)).digest == identity_of(make(5)).digest


def test_list_changed_in_place():
    """A list that is changed in place leaves the function what it was first seen as."""
    seen = []

    def f(x):
        seen.append(x)

    before = identity_of(f)
    f(1)
    assert identity_of(f) is before


def test_cell_without_text():
    """A function over a lock is only equal to itself: always so in this process, never in another."""
    one, other = closure(threading.Lock()), closure(threading.Lock())
    assert identity_of(one) is identity_of(one)
    assert identity_of(one).digest != identity_of(other).digest
    assert not identity_of(one).portable


def test_recursive_local_function():
    """A local function that calls itself by its name is identified."""

    @task
    def f(n):
        return f(n - 1) if n else 0

    assert identity_of(f.__wrapped__).portable


def test_partials():
    """Partials differ by function and by arguments."""
    digests = {
        identity_of(each).digest
        for each in (
            functools.partial(closure(1), 1),
            functools.partial(closure(1), 2),
            functools.partial(closure(2), 1),
            functools.partial(closure(1), x=1),
        )
    }
    assert len(digests) == 4


def test_callable_objects():
    """An object that can be called is known by its class's code and its state."""

    class Adds:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x + self.n

    assert identity_of(Adds(1)).digest == identity_of(Adds(1)).digest
    assert identity_of(Adds(1)).digest != identity_of(Adds(2)).digest


def test_threads_agree():
    """Sixteen threads that look first at once come to one identity, also without a canonical text."""
    function, found = closure(threading.Lock()), []
    start = threading.Barrier(16)

    def look():
        start.wait()
        found.append(identity_of(function).digest)

    threads = [threading.Thread(target=look) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1


def module_of(name, source, **names):
    """A module of the given name, as a new import would make it."""
    module = types.ModuleType(name)
    module.__dict__.update(names)
    exec(compile(source, f"{name}.py", "exec"), module.__dict__)
    return module


def digest_with_helper(call, helper, *, package="shop"):
    """The digest of a function that calls `double`, which another module has, as `{call}`."""
    helpers = module_of(f"{package}.helpers", helper, functools=functools, threading=threading)
    tasks = module_of("shop.tasks", f"def f(a):\n    return {call}\n", helpers=helpers, double=helpers.double)
    return identity_of(tasks.f)


@pytest.mark.parametrize("call", ["double(a)", "helpers.double(a)", "[double(x) for x in a]"])
@pytest.mark.parametrize("mark", ["", "@functools.cache\n"])
def test_edited_helper_of_the_package(call, mark):
    """An edit of a helper in another module of the same package counts, by whichever name it is called."""
    text = "{}def double(x):\n    return x {} 2\n"
    assert digest_with_helper(call, text.format(mark, "*")) == digest_with_helper(
        call, text.format(mark, "*")
    )
    assert digest_with_helper(call, text.format(mark, "*")) != digest_with_helper(
        call, text.format(mark, "+")
    )


def test_edited_function_of_another_package():
    """A function of another package is known by its name only: `version=` is for those."""
    text = "def double(x):\n    return x {} 2\n"
    found = {digest_with_helper("double(a)", text.format(op), package="other").digest for op in "*+"}
    assert len(found) == 1


def test_helper_over_a_lock():
    """A helper that closes over a lock, as decorators make them, still has the same digest in every process."""
    text = (
        "def locked(function):\n    lock = threading.Lock()\n"
        "    def inner(x):\n        with lock:\n            return function(x)\n    return inner\n"
        "@locked\ndef double(x):\n    return x {} 2\n"
    )
    times, plus = (
        digest_with_helper("double(a)", text.format("*")),
        digest_with_helper("double(a)", text.format("+")),
    )
    assert times.portable
    assert times.digest == digest_with_helper("double(a)", text.format("*")).digest
    assert times.digest != plus.digest


def test_proxies_are_not_woken():
    """A global object is not asked for attributes: one that stands for something not there yet may raise."""

    class Proxy:
        def __getattr__(self, name):
            raise RuntimeError(name)

    assert digest("def f(a):\n    return proxy\n", proxy=Proxy())


def test_bound_of_helpers():
    """Of two thousand helpers the first thousand are looked at, and binding ends soon."""
    text = "".join(f"def h{n}(x):\n    return h{n + 1}(x)\n" for n in range(2000))
    near, far = (f"{text}def h2000(x): return x\ndef f(a):\n    return h{n}(a)\n" for n in (0, 0))
    assert digest(near) == digest(far.replace("def h2000(x): return x", "def h2000(x): return -x"))
    assert digest(near) != digest(far.replace("return h2(x)", "return -h2(x)"))
