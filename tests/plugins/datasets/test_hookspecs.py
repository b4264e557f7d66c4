"""The events around saving and loading: before, and after with duration and address."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from pegboard import Session, hookimpl, task
from pegboard_datasets import ArtifactRef, Dataset, DatasetError, Datasets, Load, MemoryStore, Persist


class Around:
    """Keeps all that the four events tell."""

    name = "around"

    def __init__(self):
        self.told = []

    @hookimpl
    def before_dataset_save(self, call, key, format, address):  # noqa: A002 - as in the spec
        self._keep("before save", call, key, format, None, None, address)

    @hookimpl
    def on_dataset_save(self, call, key, format, size, duration, address):  # noqa: A002
        self._keep("save", call, key, format, size, duration, address)

    @hookimpl
    def before_dataset_load(self, call, key, format, address):  # noqa: A002
        self._keep("before load", call, key, format, None, None, address)

    @hookimpl
    def on_dataset_load(self, call, key, format, size, duration, address):  # noqa: A002
        self._keep("load", call, key, format, size, duration, address)

    def _keep(self, event, call, key, format, size, duration, address):  # noqa: A002
        assert duration is None or (type(duration) is float and 0 <= duration < 60)
        self.told.append((event, call and call.task.name, key, format, size, address))


@pytest.fixture
def around():
    return Around()


@pytest.fixture(params=["memory", "folder"])
def datasets(request, tmp_path):
    """An empty store of each kind that has an address of its own."""
    return Datasets(store=MemoryStore()) if request.param == "memory" else Datasets(tmp_path / "kept")


def pairs(task_name, kind, key, format_name, size, address):
    """The two events of one value."""
    return [
        (f"before {kind}", task_name, key, format_name, None, address),
        (kind, task_name, key, format_name, size, address),
    ]


def test_before_and_on_dataset_save_and_load_outside_of_calls(datasets, around):
    """Each is told before and after, with the address of the store."""
    address = datasets.catalog.store.address
    with Session(datasets, around, inherit=False, strict=True):
        datasets.save("a.json", [1])
        datasets.load("a.json")
        ref = datasets.persist([1, 2])
        datasets.load(ref)
        ref.load()
        ref.load(store=datasets.catalog.store)
    assert around.told == [
        *pairs(None, "save", "a.json", "json", 3, address),
        *pairs(None, "load", "a.json", "json", 3, address),
        *pairs(None, "save", ref.key, "json", 5, address),
        *pairs(None, "load", ref.key, "json", 5, address) * 3,
    ]


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async generator"])
def test_before_and_on_dataset_save_of_a_result(datasets, around, kind):
    """What a task returns or yields is told before it is written and after, whatever the kind of the task."""
    with Session(datasets, around, inherit=False, strict=True):
        run(kind, Dataset("{x}.json"))
    size = 1 if kind in {"function", "coroutine"} else 3
    assert around.told == pairs("body", "save", "1.json", "json", size, datasets.catalog.store.address)


@pytest.mark.parametrize("kind", ["function", "coroutine"])
def test_before_and_on_dataset_save_of_an_artifact(tmp_path, around, kind):
    """An artifact is told with its key and the address of the store that the option names."""
    with Session(Datasets(store=MemoryStore()), around, inherit=False, strict=True):
        ref = run(kind, Persist(store=tmp_path / "mine"))
    assert around.told == pairs("body", "save", ref.key, "json", 1, str(tmp_path / "mine"))


@pytest.mark.parametrize("kind", ["function", "coroutine", "generator", "async generator"])
def test_before_and_on_dataset_load_of_an_input(datasets, around, kind):
    """So is an input, by its key or by a reference."""
    datasets.save("1.json", 5)
    ref, address = datasets.persist(7), datasets.catalog.store.address
    with Session(datasets, around, inherit=False, strict=True):
        run(kind, Load("x"), "1.json")
        run(kind, Load(), ref)
    assert around.told == [
        *pairs("body", "load", "1.json", "json", 1, address),
        *pairs("body", "load", ref.key, "json", 1, address),
    ]


def run(kind, option, value=1):
    """Run a task of a kind to its end."""

    async def coroutine(x):
        return x

    def generator(x):
        yield x

    async def async_generator(x):
        yield x

    def function(x):
        return x

    async def every(stream):
        return [item async for item in stream]

    body = {"function": function, "coroutine": coroutine, "generator": generator}.get(kind, async_generator)
    made = task(option, name="body")(body)(value)
    if kind == "function":
        return made
    if kind == "generator":
        return list(made)
    return asyncio.run(made if kind == "coroutine" else every(made))


def test_nothing_is_told_after_a_failure(tmp_path, around):
    """What could not be written or read was told before, and not after."""
    datasets = Datasets(tmp_path / "kept")
    Path(tmp_path / "kept").write_text("no folder")
    with Session(datasets, around, inherit=False, strict=True):
        for use in (lambda: datasets.save("a/b.json", 1), lambda: datasets.load("a/b.json")):
            with pytest.raises(DatasetError):
                use()
    assert [event for event, *_ in around.told] == ["before save", "before load"]


def test_a_sensitive_task_shows_no_key(around):
    """Of what a sensitive task loads only the parameter is told, before and after."""
    datasets = Datasets(store=MemoryStore())
    datasets.save("canary.json", 1)

    @task(Load(data="{name}.json"), sensitive=True)
    def body(name, data=None):
        return data

    with Session(datasets, around, inherit=False, strict=True):
        body("canary")
    assert [key for _, _, key, *_ in around.told] == ["{data}", "{data}"]


def test_a_reference_is_what_it_was(datasets):
    """Times are in events, and not in references, which are equal for equal content."""
    assert datasets.persist([1]) == datasets.persist([1])
    assert {field for field in ArtifactRef.__slots__ if not field.startswith("__")} == {
        "key",
        "format",
        "size",
        "digest",
        "store",
    }
