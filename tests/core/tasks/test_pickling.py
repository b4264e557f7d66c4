"""Tasks travel by module and qualified name; errors, outcomes and results travel whole."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import pegboard
from pegboard import InvalidTask, Option, Outcome, PegboardError, Session, TaskResult, task

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


@attrs.frozen
class Level(Option):
    level: int = 1

    @classmethod
    def plugin(cls) -> None:
        """Nobody reads it."""


@task(Level(1), name="adds_{x}", description="what it does", tags=("math",))
def add(x: int, y: int = 1) -> int:
    return x + y


@task
async def later(x: int) -> int:
    return x


def plain(x: int) -> int:
    return -x


def loud(function):
    """Stand for another library's decorator."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


@loud
@task
def decorated(x: int) -> int:
    return x


negated = task(plain)
task_inside = decorated.__wrapped__


class Space:
    class Inner:  # noqa: D106
        @task
        def method(self) -> int:
            return 1


def travel(value, protocol: int = pickle.HIGHEST_PROTOCOL):
    return pickle.loads(pickle.dumps(value, protocol))


# Tasks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_task_is_found_by_its_name(protocol: int) -> None:
    """The very task of its module comes back, in every protocol."""
    assert travel(add, protocol) is add
    assert travel(later, protocol) is later


def test_only_the_name_travels() -> None:
    """A pickled task holds no code and no plan, and is small."""
    with Session():
        add(1)
    assert len(pickle.dumps(later)) < 200


def test_a_task_of_a_nested_class_is_found() -> None:
    """The qualified name leads through classes."""
    assert travel(Space.Inner.method) is Space.Inner.method
    assert travel(Space.Inner().method)() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"name": "other_{y}"},
        {"description": "other"},
        {"tags": ("x",)},
        {"sensitive": True},
    ],
    ids=str,
)
def test_a_changed_copy_comes_back_changed(change: dict[str, object]) -> None:
    """What `with_options` set again is made again where the task is loaded."""
    copied = add.with_options(**change)
    again = travel(copied)
    assert again is not add
    for setting in ("name", "description", "tags", "sensitive", "options"):
        assert getattr(again, setting) == getattr(copied, setting)
    assert again(1) == 2


def test_changed_options_come_back() -> None:
    """So are the options of a copy."""
    assert travel(add.with_options(Level(7))).options == (Level(7),)


def test_a_copy_with_nothing_changed_is_the_original() -> None:
    """A copy that says the same as the task of that name is that task when it is loaded."""
    assert travel(add.with_options()) is add


def test_a_default_name_stays_one_and_braces_stay_literal() -> None:
    """A name is parsed again as it was written."""
    assert travel(add.with_options(name="{{x}}")).written_name == "{{x}}"
    assert travel(later.with_options(Level())).written_name is None


def test_a_task_made_of_a_plain_function_is_found() -> None:
    """Where the name leads to the plain function, the task is made of it again."""
    again = travel(negated)
    assert (again.name, again(2)) == ("plain", -2)


def test_a_task_below_another_decorator_is_found() -> None:
    """A wrapper that keeps `__wrapped__` does not hide the task."""
    assert travel(task_inside)(2) == 2
    assert travel(task_inside).name == "decorated"


def _local():
    @task
    def inner() -> None: ...

    return inner


class _Callable:
    def __call__(self) -> None: ...


def _replaced() -> None: ...


_first = task(_replaced)


def _replaced() -> None: ...


NOT_FOUND = {
    "local": _local(),
    "lambda": task(lambda: None),
    "partial": task(functools.partial(plain, 1)),
    "instance": task(_Callable()),
    "replaced": _first,
}


@pytest.mark.parametrize("made", NOT_FOUND.values(), ids=NOT_FOUND)
def test_a_task_that_its_name_does_not_lead_to_cannot_be_pickled(made) -> None:
    """It fails where it is pickled, naming the task and the way out, not where it is loaded."""
    with pytest.raises(InvalidTask) as caught:
        pickle.dumps(made)
    assert repr(made.name) in str(caught.value)
    assert "Define this one at the top of a module" in str(caught.value)


LOADER = """
import pickle, sys
try:
    pickle.loads(bytes.fromhex(sys.argv[1]))
except BaseException as error:
    print(type(error).__name__, error)
"""


@pytest.mark.parametrize(("text", "gone"), [("x = 1", "moved"), (None, "moved"), ("moved = 3", "moved")])
def test_a_task_that_cannot_be_found_is_named(tmp_path: Path, text: str | None, gone: str) -> None:
    """Loading in a process without the module, or without the task in it, is one clear error."""
    (tmp_path / "home.py").write_text("from pegboard import task\n@task\ndef moved(): ...\n")
    saver = "import pickle, home; print(pickle.dumps(home.moved).hex())"
    run = functools.partial(subprocess.run, cwd=tmp_path, capture_output=True, text=True, check=True)
    saved = run([sys.executable, "-c", saver]).stdout.strip()
    if text is None:
        (tmp_path / "home.py").unlink()
    else:
        (tmp_path / "home.py").write_text(text)
    said = run([sys.executable, "-c", LOADER, saved]).stdout
    assert said.startswith(
        "InvalidTask a pickled task cannot be loaded: there is no function or task home:moved."
    )


# Errors ----------------------------------------------------------------------------------------------------------


class ComparableError(ValueError):
    """An error that equals its copy."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ComparableError) and self.args == other.args

    __hash__ = None


FACTS = {
    "AwaitInSyncTask": {"plugin": "p", "layer": "l", "task": "t"},
    "NotAwaited": {"plugin": "p", "layer": "l", "task": "t"},
    "BindError": {"plugin": "p", "task": "t"},
    "ConfigError": {"where": "pegboard.toml", "key": "k"},
    "DeadlineExceeded": {"task": "t", "seconds": 1.5},
    "InvalidName": {"name": "{x.y}"},
    "InvalidPlugin": {"plugin": "p", "hook": "h"},
    "MapError": {"results": [1, ComparableError("b")], "errors": {1: ComparableError("b")}},
    "MissingPlugin": {"plugin": "p"},
    "MustBeAwaited": {"task": "t"},
    "NeedsAsyncio": {"library": "trio"},
    "PluginConflict": {"plugin": "p", "claimants": ("a", "b")},
    "RemoteError": {"task": "t", "type": "module.Broken", "message": "m", "traceback": "Traceback ..."},
    "TaskTimeout": {"task": "t", "seconds": 1.5},
    "TransportError": {"task": "t", "index": 3, "what": "its result", "type": "_thread.lock"},
    "UnknownEvent": {"event": "e"},
    "UnsupportedTask": {"plugin": "p", "task": "t", "kind": "generator"},
    "WorkerDied": {"task": "t", "index": 3, "pid": 4711},
}
ERRORS = [
    error
    for name in sorted(pegboard.__all__)
    if inspect.isclass(error := getattr(pegboard, name)) and issubclass(error, PegboardError)
]


@pytest.mark.parametrize("way", [travel, copy.copy, copy.deepcopy], ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_error_survives(cls: type[PegboardError], way) -> None:
    """Type, text, facts and notes come back."""
    error = cls("what happened", **FACTS.get(cls.__name__, {}))
    error.add_note("in task 't'")
    again = way(error)
    assert type(again) is cls
    assert (str(again), again.args, again.__notes__) == ("what happened", ("what happened",), ["in task 't'"])
    assert {name: getattr(again, name) for name in FACTS.get(cls.__name__, {})} == FACTS.get(cls.__name__, {})


@pytest.mark.parametrize("cls", ERRORS, ids=lambda cls: cls.__name__)
def test_every_documented_fact_is_one_that_is_tried_here(cls: type[PegboardError]) -> None:
    """The attributes that an error's class declares are the ones its pickling is tested with."""
    declared = {
        name
        for each in cls.__mro__
        if issubclass(each, PegboardError)
        for name, kind in vars(each).get("__annotations__", {}).items()
        if "ClassVar" not in str(kind)
    }
    assert declared == set(FACTS.get(cls.__name__, {}))


# Outcomes and results --------------------------------------------------------------------------------------------


def test_an_outcome_survives() -> None:
    """An outcome is a plain record."""
    outcome = Outcome("ok", "cache", [1, 2], None, 0, 0.5)
    assert travel(outcome) == outcome
    assert type(travel(outcome)) is Outcome


def test_a_result_survives() -> None:
    """So is a task's result, value included."""
    result = add.run(1)
    again = travel(result)
    assert again == result
    assert isinstance(again, TaskResult)
    assert again.unwrap() == 2


def test_a_failed_result_survives_with_its_error() -> None:
    """The error of a failed call is raised by `unwrap` on the other side, too."""
    again = travel(add.run("a"))
    with pytest.raises(TypeError, match="can only concatenate str"):
        again.unwrap()
