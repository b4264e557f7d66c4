"""The file for node_exporter."""

from __future__ import annotations

import os
import threading
import time

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from pegboard import ConfigError, MissingPlugin, Session, task
from pegboard.testing import check_plugin
from pegboard_metrics import Metrics, names
from pegboard_prometheus import Textfile

COUNT = f"{names.DURATION.name}_count"
LAST = names.LAST_SUCCESS.name


@task
def invert(x):
    return 1 / x


@task
def other():
    return 1


def read(path):
    """The samples in a file, by name and task, but for zeros of failures; an invalid file is an error."""
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    samples = [sample for family in families for sample in family.samples if not is_zero(sample)]
    return {(sample.name, sample.labels.get(names.TASK)): sample for sample in samples}


def is_zero(sample):
    """Whether it says that nothing has failed."""
    return sample.labels.get(names.STATUS) == "error" and not sample.value


def run(path, *calls, **settings):
    """One process's worth of calls: a registry of its own, as a job that cron starts has."""
    with Session(Metrics(CollectorRegistry()), Textfile(path, **settings), inherit=False):
        for each, *arguments in calls:
            each.run(*arguments)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.prom"


def test_the_file_is_there_when_the_session_has_ended(path):
    """With what ran; nothing is written before."""
    with Session(Metrics(CollectorRegistry()), Textfile(path), inherit=False):
        invert(1)
        assert not path.exists()
    assert read(path)[COUNT, "invert"].value == 1


def test_promtool_has_no_complaint(path, promtool):
    """About a file either."""
    run(path, (invert, 1), (invert, 0))
    assert promtool("check", "metrics", text=path.read_text()) == ""


def test_a_job_is_a_label_of_every_sample(path):
    """Which job a file is from can be told from its metrics."""
    run(path, (invert, 1), job='night"ly\n')
    assert {sample.labels.get("job") for sample in read(path).values()} == {'night"ly\n'}
    run(path, (invert, 1))
    assert {sample.labels.get("job") for sample in read(path).values()} == {None, 'night"ly\n'}


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_all_may_read_it(path, umask):
    """node_exporter is another user, so it is 0644 whatever the umask; nobody else may write it."""
    before = os.umask(umask)
    try:
        run(path)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o644


def test_the_last_success_is_kept(path):
    """A run that fails does not take it away, and a later success replaces it."""
    run(path, (invert, 1), (other,))
    first = read(path)
    time.sleep(0.01)
    run(path, (invert, 0), (other,))
    second = read(path)
    assert second[LAST, "invert"].value == first[LAST, "invert"].value
    assert second[LAST, "other"].value > first[LAST, "other"].value
    run(path, (invert, 1))
    third = read(path)
    assert third[LAST, "invert"].value > second[LAST, "invert"].value
    assert third[LAST, "other"].value == second[LAST, "other"].value
    assert (COUNT, "other") not in third


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", f'{LAST}{{pegboard_task_name="a'.encode(), f"{LAST}{{}} x".encode()]
)
def test_a_damaged_file_is_replaced(path, content, caplog):
    """What is in it is lost, and said to be."""
    path.write_bytes(content)
    run(path, (invert, 1))
    assert read(path)[COUNT, "invert"].value == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"] * bool(content)


def test_readers_see_the_old_or_the_new_file(path):
    """Never a part of one, however often it is read while it is replaced; no other file is left."""
    run(path, (invert, 1))
    sizes, over = set(), threading.Event()

    def watch():
        while not over.is_set():
            sizes.add(read(path)[COUNT, "invert"].value)

    watching = threading.Thread(target=watch)
    watching.start()
    for _ in range(50):
        run(path, (invert, 1), (invert, 1))
    over.set()
    watching.join()
    assert sizes == {1, 2}
    assert [each.name for each in path.parent.iterdir()] == ["app.prom"]


def test_it_is_written_while_the_session_goes_on(path):
    """Every so many seconds, for jobs that take hours."""
    threads = threading.active_count()
    with Session(Metrics(CollectorRegistry()), Textfile(path, every=1), inherit=False):
        invert(1)
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert read(path)[COUNT, "invert"].value == 1
        invert(1)
    assert read(path)[COUNT, "invert"].value == 2
    assert threading.active_count() == threads


def test_a_file_that_cannot_be_written_fails_no_job(tmp_path, caplog):
    """The session ends, the log has the path and the error, and no temporary file is left."""
    folder = tmp_path / "there"
    folder.mkdir()
    with Session(Metrics(CollectorRegistry()), Textfile(folder / "app.prom"), inherit=False):
        invert(1)
        (folder / "app.prom").mkdir()
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    assert "app.prom" in caplog.text
    assert [each.name for each in folder.iterdir()] == ["app.prom"]


def test_a_collector_that_fails_costs_no_file(path, caplog):
    """What the others give is written, with the last successes."""

    class Failing:
        def collect(self):
            raise LookupError

    registry = CollectorRegistry()
    registry.register(Failing())
    with Session(Metrics(registry), Textfile(path), inherit=False):
        other()
    assert read(path)[LAST, "other"].value > 0
    assert "the collector Failing is left out" in caplog.text


def test_a_folder_that_is_not_there_is_an_error_at_the_start(tmp_path):
    """Rather than at the end of a long job."""
    session = Session(Metrics(CollectorRegistry()), Textfile(tmp_path / "absent" / "a.prom"), inherit=False)
    with pytest.raises(ConfigError, match="Make the folder") as caught, session:
        pass
    assert (caught.value.where, caught.value.key) == ("Textfile", "path")


@pytest.mark.parametrize(
    ("path", "settings", "key"),
    [
        ("app.txt", {}, "path"),
        (".prom", {}, "path"),
        ("app.prom.gz", {}, "path"),
        ("a.prom", {"job": ""}, "job"),
        ("a.prom", {"job": 7}, "job"),
        ("a.prom", {"every": 0}, "every"),
        ("a.prom", {"every": True}, "every"),
        ("a.prom", {"every": "60"}, "every"),
        ("a.prom", {"every": float("nan")}, "every"),
    ],
)
def test_what_cannot_be_is_refused(path, settings, key):
    """When it is written."""
    with pytest.raises(ConfigError) as caught:
        Textfile(path, **settings)
    assert (caught.value.where, caught.value.key) == ("Textfile", key)


def test_without_metrics_it_says_what_to_attach(path):
    """There would be nothing to write."""
    with pytest.raises(MissingPlugin, match=r"Session\(Metrics\(\), Textfile\(path\)\)"):
        Session(Textfile(path), inherit=False).__enter__()


def test_one_instance_in_sessions_side_by_side(path):
    """Each writes at its end; the file has what the last one knows."""
    metrics, textfile = Metrics(CollectorRegistry()), Textfile(path)
    with Session(metrics, textfile, inherit=False):
        with Session(metrics, textfile, inherit=False):
            invert(1)
        assert read(path)[COUNT, "invert"].value == 1
        invert(1)
    assert read(path)[COUNT, "invert"].value == 2


def test_it_has_the_manners_of_a_plugin(path):
    """It changes nothing for tasks, and leaves no thread."""

    class WithMetrics(Textfile):
        def session_start(self, session):
            session.register(Metrics(CollectorRegistry()))
            super().session_start(session)

    WithMetrics.session_start.pegboard_impl = Textfile.session_start.pegboard_impl
    check_plugin(lambda: WithMetrics(path, every=1))
