"""Loading inputs: references and keys become values."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING

import pandas as pd
import polars as pl
import pytest

from pegboard import task
from pegboard_datasets import ArtifactRef, DatasetNotFound, InvalidKey, Load, UnknownFormat

if TYPE_CHECKING:
    from nowhere import Unknown


@dataclasses.dataclass
class Row:
    a: int


@pytest.fixture
def ref(session, datasets):
    """A reference to a list of records."""
    return datasets.persist([{"a": 1}, {"a": 2}])


def test_references_are_loaded_where_it_is_asked(ref, twin) -> None:
    """By position, by keyword, among `*args` and `**kwargs`."""
    total = task(Load())(twin(lambda rows, *more, other=None, **rest: [rows, more, other, rest]))
    value = ref.load()
    assert total.run(ref, ref, 1, other=ref, x=ref, y=2).unwrap() == [
        value,
        (value, 1),
        value,
        {"x": value, "y": 2},
    ]
    assert total.run([1], other={"x": 1}).unwrap() == [[1], (), {"x": 1}, {}]


def test_without_load_a_reference_is_passed_on(ref) -> None:
    """Nobody loads what nobody asked for."""
    assert task(lambda rows: rows)(ref) is ref


def test_collections_of_references_are_loaded(ref, twin) -> None:
    """What a map of a persisted task returns goes into the next task as it is."""
    joined = task(Load())(twin(lambda parts: (type(parts).__name__, [len(part) for part in parts])))
    assert joined.run([ref, ref]).unwrap() == ("list", [2, 2])
    assert joined.run((ref, [1])).unwrap() == ("tuple", [2, 1])
    merged = task(Load())(twin(lambda parts: {name: len(part) for name, part in parts.items()}))
    assert merged.run({"a": ref, "b": [1]}).unwrap() == {"a": 2, "b": 1}


def test_the_annotation_is_the_type_that_is_loaded(ref, twin) -> None:
    """Records become those of the parameter's type, also in lists and for `*args`."""

    def body(
        rows: list[Row], *more: list[Row], parts: tuple[list[Row], ...] = (), **named: list[Row]
    ) -> list:
        return [rows[0], *(each[1] for each in more), *(each[0] for each in parts), named["x"][1]]

    assert task(Load())(twin(body)).run(ref, ref, parts=(ref,), x=ref).unwrap() == [
        Row(1),
        Row(2),
        Row(1),
        Row(2),
    ]


def test_a_parameter_that_takes_references_keeps_them(ref) -> None:
    """Annotated as `ArtifactRef`, it wants the reference; named, it is loaded all the same."""

    def body(a: ArtifactRef, b: list[Row] | ArtifactRef, c: list[ArtifactRef]):
        return [type(a), type(b), type(c[0])]

    assert task(Load())(body)(ref, ref, [ref]) == [ArtifactRef] * 3
    assert task(Load("b"))(body)(ref, ref, [ref]) == [ArtifactRef, list, ArtifactRef]


def test_named_parameters_take_keys_too(session, datasets, twin) -> None:
    """`Load("frame")` accepts a value, a reference or a key, and loads the annotated type."""
    datasets.save("a.parquet", pl.DataFrame({"n": [1, 2]}))

    def body(frame: pd.DataFrame, other: str = ""):
        return [type(frame), other]

    work = task(Load("frame"))(twin(body))
    assert work.run("a.parquet", "a.parquet").unwrap() == [pd.DataFrame, "a.parquet"]
    assert work.run(pd.DataFrame()).unwrap() == [pd.DataFrame, ""]


def test_load_without_names_leaves_text_alone(session, datasets) -> None:
    """A string may be anything, so only named parameters take it for a key."""
    datasets.save("a.json", [1])
    assert task(Load())(lambda x: x)("a.json") == "a.json"


def test_a_template_fills_in_what_is_not_passed(session, datasets, twin) -> None:
    """`Load(sales="sales/{day}.parquet")` loads the parameter from the others; an argument goes first."""
    datasets.save("sales/mon.parquet", pd.DataFrame({"n": [1, 2]}))

    def body(day: str, sales: pd.DataFrame, factor: int = 1):
        return int(sales["n"].sum()) * factor

    total = task(Load(sales="sales/{day}.parquet"))(twin(body))
    assert total.run("mon").unwrap() == 3
    assert total.run(day="mon", factor=2).unwrap() == 6
    assert total.run("mon", sales=pd.DataFrame({"n": [5]})).unwrap() == 5


def test_a_parameter_in_the_middle_is_filled_in(session, datasets) -> None:
    """Whatever the order of the parameters."""
    datasets.save("a.json", [1])
    assert task(Load(b="a.json"))(lambda a, b, c=3: [a, b, c])("x", c="y") == ["x", [1], "y"]


def test_a_map_loads_for_each_item(session, datasets) -> None:
    """Templates know the position in the map."""
    for number in range(3):
        datasets.save(f"parts/{number}.json", [number])
    assert task(Load(part="parts/{map_index}.json"))(lambda x, part: [x, part]).map("abc") == [
        ["a", [0]],
        ["b", [1]],
        ["c", [2]],
    ]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_streams_load_their_inputs(ref, kind) -> None:
    """Generators of both colours."""

    def items(rows):
        yield from rows

    async def later(rows):
        for row in rows:
            await asyncio.sleep(0)
            yield row

    assert task(Load())(items if kind == "sync" else later).run(ref).unwrap() == [{"a": 1}, {"a": 2}]


def test_a_missing_dataset_ends_the_call_before_the_function_runs(session, twin) -> None:
    """`DatasetNotFound`, a KeyError, naming the key."""
    runs = []
    result = task(Load("x"))(twin(lambda x: runs.append([x]))).run("no/such.json")
    assert isinstance(result.error, DatasetNotFound)
    assert isinstance(result.error, KeyError)
    assert "'no/such.json'" in str(result.error)
    assert runs == []


def test_a_hostile_key_is_refused(session, hostiles) -> None:
    """As an argument, and in a template."""
    by_name, by_template = task(Load("x"))(lambda x: x), task(Load(x="a/{day}"))(lambda day, x: x)
    for hostile in hostiles:
        assert isinstance(by_name.run(hostile).error, InvalidKey)
        assert isinstance(by_template.run(hostile).error, InvalidKey)


def test_an_annotation_that_is_for_type_checkers_only_tells_nothing(session, datasets) -> None:
    """Then the file alone tells the type, where it can."""

    def body(x: Unknown):
        return x

    datasets.save("a.json", [1])
    datasets.save("a.parquet", pd.DataFrame({"n": [1]}))
    assert task(Load("x"))(body)("a.json") == [1]
    assert isinstance(task(Load("x"))(body).run("a.parquet").error, UnknownFormat)


@pytest.mark.parametrize(
    "option", [Load("oops"), Load(oops="x.json"), Load(x="{oops}.json"), Load(x="{x}.json")], ids=repr
)
def test_names_that_are_no_parameters_are_refused(option) -> None:
    """At decoration; a parameter that is loaded cannot be part of its own key."""
    with pytest.raises(InvalidKey, match="no parameter"):
        task(option)(lambda x: x)


def test_wrong_arguments_are_the_callers_error(session, twin) -> None:
    """The TypeError of the function; nothing is loaded."""
    assert isinstance(task(Load(x="{day}.json"))(twin(lambda day, x: x)).run().error, TypeError)
    assert isinstance(task(Load())(twin(lambda x: x)).run(1, 2).error, TypeError)


def test_loading_is_told_before_the_attempt(ref, recorder) -> None:
    """An event of its own, inside the call."""
    recorder.clear()
    task(Load())(lambda rows: rows)(ref)
    assert recorder.log()[:3] == ["before_execute", f"on_dataset_load {ref.key}", "before_attempt 1"]


def test_observers_see_the_reference_and_not_the_value(ref, recorder) -> None:
    """The call's inputs stay what the caller passed."""
    recorder.clear()
    task(Load())(lambda rows: rows)(ref)
    assert recorder.of("before_execute")[0].subject.inputs == {"rows": ref}


def test_events_of_a_sensitive_task_show_no_key(ref, datasets, recorder) -> None:
    """A key is made of inputs, so the parameter is named in its place."""
    datasets.save("canary.json", [1])
    recorder.clear()
    task(Load("a", b="{user}.json"), sensitive=True)(lambda user, a, b: [a, b])("canary", "canary.json")
    assert [event.details["key"] for event in recorder.of("on_dataset_load")] == ["{a}", "{b}"]
