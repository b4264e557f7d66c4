"""Saving what tasks return: when, where, once, and what happens if it cannot be done."""

from __future__ import annotations

import asyncio
import inspect

import pandas as pd
import pytest

from pegboard import BindError, Session, task
from pegboard.testing import Recorder, check_plugin
from pegboard_datasets import (
    ArtifactRef,
    Dataset,
    DatasetError,
    Datasets,
    InvalidKey,
    Load,
    MemoryStore,
    Persist,
    UnknownFormat,
    pickle_format,
)


@pytest.mark.parametrize("options", [(), (Load(),), (Dataset("{x}.json"),)], ids=["none", "load", "dataset"])
def test_the_plugin_has_its_manners(options, tmp_path, monkeypatch) -> None:
    """What Pegboard promises of every plugin holds for this one."""
    monkeypatch.chdir(tmp_path)  # where the option keeps files without the plugin
    check_plugin(lambda: Datasets(store=MemoryStore()), *options)


def test_a_task_without_options_pays_nothing(session) -> None:
    """No layer is bound."""
    assert "layer" not in str(session.explain(task(lambda: 1)))


def test_the_result_is_saved_under_the_rendered_key(session, root, twin, files_in) -> None:
    """The caller gets the value itself, and the file holds it."""
    value = {"day": "mon"}
    report = task(Dataset("reports/{day}/{n}.json"))(twin(lambda day, n=1: value))
    assert report.run("mon").unwrap() is value
    assert report.run("tue", n=2).status == "ok"
    assert files_in(root) == ["reports/mon/1.json", "reports/tue/2.json"]
    assert session.plugins["datasets"].load("reports/mon/1.json") == value


def test_a_map_saves_one_file_an_item(session, root, twin, files_in) -> None:
    """`{map_index}` is the position in the map."""
    square = task(Dataset("sq/{map_index}.json"))(twin(lambda x: x * x))
    got = (
        asyncio.run(square.amap([3, 4, 5]))
        if inspect.iscoroutinefunction(square.__wrapped__)
        else square.map([3, 4, 5])
    )
    assert got == [9, 16, 25]
    assert {name: (root / name).read_text() for name in files_in(root)} == {
        "sq/0.json": "9",
        "sq/1.json": "16",
        "sq/2.json": "25",
    }


def test_a_map_index_without_a_map_is_refused_before_the_function_runs(session, twin) -> None:
    """Several calls would write one file; the function does not run in vain."""
    runs = []
    square = task(Dataset("{map_index}.json"))(twin(lambda x: runs.append([x])))
    assert isinstance(square.run(1).error, InvalidKey)
    assert runs == []


@pytest.mark.parametrize("place", ["{x}", "a/{x}/b.json"])
def test_a_hostile_argument_is_refused_before_the_function_runs(
    session, tmp_path, hostile, place, files_in, recorder
) -> None:
    """No file is written anywhere, the function does not run, and no line breaks."""
    runs = []
    result = task(Dataset(place))(lambda x: runs.append([x])).run(hostile)
    assert isinstance(result.error, InvalidKey)
    assert (runs, files_in(tmp_path)) == ([], [])
    assert str(result.error).count("\n") <= 1
    assert str(result.error).replace("\n", "").isprintable()


def test_the_name_of_a_task_names_no_file(session, tmp_path, files_in) -> None:
    """A task called after a path outside changes nothing about where it is saved."""
    task(Dataset("x.json"), name="../../etc/{x}")(lambda x: 1)("../../y")
    assert files_in(tmp_path) == ["root/x.json"]


def test_arguments_that_do_not_fit_are_the_callers_error(session, root, twin) -> None:
    """The TypeError of the function, and nothing is saved."""
    result = task(Dataset("{day}.json"))(twin(lambda day: day)).run("too", "many")
    assert isinstance(result.error, TypeError)
    assert not root.exists()


def test_an_error_saves_nothing(session, root, twin) -> None:
    """What failed has no result; a file of an earlier call stays as it was."""

    def body(fail):
        if fail:
            raise OSError("x")
        return "good"

    work = task(Dataset("x.txt"))(twin(body))
    work.run(False)
    assert isinstance(work.run(True).error, OSError)
    assert (root / "x.txt").read_text() == "good"


def test_saving_is_told_between_the_attempt_and_the_end(session, recorder, twin) -> None:
    """The order of events of one call."""
    task(Dataset("{x}.json"))(twin(lambda x: [x])).run(1)
    assert recorder.log() == [
        "before_execute",
        "before_attempt 1",
        "after_attempt 1",
        "on_dataset_save 1.json",
        "after_execute ok/run 1",
    ]


def test_a_store_that_fails_is_told_and_the_function_ran_once(recorder, refusing, twin) -> None:
    """`DatasetError` leaves the call, not to be retried, with the store's error as its cause."""
    runs = []

    def body():
        runs.append(1)
        return {"v": "canary"}

    with Session(Datasets(store=refusing), recorder, inherit=False, strict=True):
        for option in (Dataset("x.json"), Persist()):
            error = task(option)(twin(body)).run().error
            assert isinstance(error, DatasetError)
            assert isinstance(error.__cause__, OSError)
            assert not error.retryable
            assert "canary" not in str(error)
            assert "OSError" in str(error)
    assert (len(runs), refusing.refused) == (2, 2)
    assert recorder.of("on_dataset_save") == []
    assert recorder.unbalanced() == []


def test_a_value_that_the_format_cannot_hold_leaves_no_file(session, root) -> None:
    """The file that was there is still there, and no partial one."""

    @task(Dataset("x.json"))
    def work(value):
        return value

    work([1])
    assert isinstance(work.run([object()]).error, DatasetError)
    assert [path.name for path in root.iterdir()] == ["x.json"]
    assert (root / "x.json").read_text() == "[1]"


def test_the_type_chooses_among_formats_of_an_extension(session, datasets) -> None:
    """A pandas frame in `.parquet` is a frame again."""
    frame = pd.DataFrame({"n": [1, 2]})
    task(Dataset("x.parquet"))(lambda: frame)()
    pd.testing.assert_frame_equal(datasets.load("x.parquet", pd.DataFrame), frame)


def test_a_format_may_be_named(session, root) -> None:
    """`format=` goes before the extension."""
    task(Dataset("x.data", format="json"))(lambda: [1])()
    assert (root / "x.data").read_text() == "[1]"


@pytest.mark.parametrize(
    ("option", "text"),
    [(Dataset("{x}.yaml"), "yaml"), (Dataset("x", format="yaml"), "yaml"), (Persist("yaml"), "yaml")],
)
def test_an_unknown_format_is_refused_before_the_function_runs(session, option, text) -> None:
    """When the task is bound, with the candidates."""
    runs = []
    with pytest.raises(BindError, match=text) as caught:
        task(option)(lambda x=1: runs.append(x))()
    assert isinstance(caught.value.__cause__, UnknownFormat)
    assert runs == []


def test_an_extension_in_an_argument_counts_too(session, root) -> None:
    """The rendered key tells the format; an unknown one is refused before the function runs."""
    runs = []
    work = task(Dataset("out/{name}"))(lambda name: runs.append(name) or "x")
    work("a.txt")
    assert isinstance(work.run("a.yaml").error, UnknownFormat)
    assert runs == ["a.txt"]


def test_a_placeholder_that_is_no_parameter_is_refused() -> None:
    """At decoration, naming those that there are; of a session's default option, before the function runs."""
    with pytest.raises(InvalidKey, match=r"\{oops\}"):
        task(Dataset("{oops}.json"))(lambda x: [x])
    runs = []
    plain = task(lambda x: runs.append([x]))
    with Session(defaults=[Dataset("{oops}.json")]), pytest.raises(BindError, match=r"\{oops\}") as caught:
        plain(1)
    assert isinstance(caught.value.__cause__, InvalidKey)
    assert runs == []


def test_a_task_may_have_a_store_of_its_own(session, tmp_path, root, events) -> None:
    """`store=` is for this task alone."""
    task(Dataset("x.json", store=tmp_path / "own"))(lambda: [1])()
    assert (tmp_path / "own" / "x.json").read_text() == "[1]"
    assert not root.exists()


def consume(stream_task, *args):
    """Read a stream of either colour to its end."""
    return stream_task.run(*args).unwrap()


def streams(count, error=None):
    """The same stream, sync and async."""

    def items(x=0):
        for number in range(count):
            yield {"n": number}
        if error is not None:
            raise error

    async def later(x=0):
        for number in range(count):
            await asyncio.sleep(0)
            yield {"n": number}
        if error is not None:
            raise error

    return [items, later]


@pytest.mark.parametrize("body", streams(3), ids=["sync", "async"])
def test_a_stream_is_saved_as_a_list_when_it_has_finished(session, datasets, body) -> None:
    """The consumer gets each item at once, the file all of them at the end."""
    assert consume(task(Dataset("{x}.csv"))(body)) == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert datasets.load("0.csv", list) == [{"n": "0"}, {"n": "1"}, {"n": "2"}]


@pytest.mark.parametrize("body", streams(1, OSError("x")), ids=["sync", "async"])
def test_a_stream_that_fails_is_not_saved(session, root, body) -> None:
    """Half a list is no result."""
    assert isinstance(task(Dataset("x.json"))(body).run().error, OSError)
    assert not root.exists()


def test_a_stream_left_early_is_not_saved(session, root) -> None:
    """Closed by its consumer, it has no result."""
    stream = task(Dataset("x.json"))(streams(3)[0])()
    next(stream)
    stream.close()
    assert not root.exists()


@pytest.mark.parametrize("body", streams(1), ids=["sync", "async"])
def test_a_stream_in_a_format_that_takes_no_list_is_refused(session, body) -> None:
    """Before it yields anything."""
    with pytest.raises(BindError, match="of type list"):
        task(Dataset("x.parquet"))(body)()


@pytest.mark.parametrize("body", streams(2), ids=["sync", "async"])
def test_a_stream_whose_store_fails_ends_with_the_error(refusing, body) -> None:
    """All items were given out, and then the DatasetError."""
    with Session(Datasets(store=refusing), Recorder(), inherit=False) as session:
        result = task(Dataset("x.json"))(body).run()
    assert isinstance(result.error, DatasetError)
    assert session.observer_errors == {}


def test_persist_returns_a_reference(session, root, twin, files_in) -> None:
    """Key, format, size and digest of the content; equal content is written once."""
    work = task(Persist())(twin(lambda x: {"n": 1}))
    first, second = work.run(1).unwrap(), work.run(2).unwrap()
    assert isinstance(first, ArtifactRef)
    assert first == second
    assert (first.format, first.size, len(first.digest), first.store) == ("json", 7, 64, str(root))
    assert files_in(root) == [first.key]
    assert first.key == f"artifacts/{first.digest[:2]}/{first.digest}.json"
    assert first.load() == {"n": 1}


def test_persist_passes_a_reference_on(session, root, files_in) -> None:
    """A task that returns one already has nothing to save."""
    ref = task(Persist())(lambda: [1])()
    assert task(Persist())(lambda: ref)() is ref
    assert files_in(root) == [ref.key]


def test_an_artifact_of_another_size_is_written_anew(session, root) -> None:
    """What was cut by something else is mended by the next run."""
    work = task(Persist())(lambda: [1, 2, 3])
    ref = work()
    (root / ref.key).write_bytes(b"[")
    assert work().load() == [1, 2, 3]


def test_persist_and_dataset_may_be_on_one_task(session, datasets, files_in, root) -> None:
    """One file under the name, one under the digest; the caller gets the reference."""
    ref = task(Persist(), Dataset("x.json"))(lambda: [1])()
    assert files_in(root) == sorted(["x.json", ref.key])
    assert (ref.load(), datasets.load("x.json")) == ([1], [1])


def test_persist_takes_a_format(datasets) -> None:
    """Where the type alone would not tell, or tell another one."""
    with Session(Datasets(store=MemoryStore(), formats=[pickle_format("0123456789abcdef")]), inherit=False):
        ref = task(Persist("pickle"))(lambda: (1, 2))()
        assert (ref.format, ref.load()) == ("pickle", (1, 2))
        assert ref.key.endswith(".pkl")
