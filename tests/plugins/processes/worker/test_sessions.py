"""What a worker makes of a session at home, and what it refuses to make."""

from __future__ import annotations

import pytest
import remote_tasks as tasks

from pegboard import InvalidPlugin, Processes, Session
from pegboard_processes.wire.parcels import Recipe, SessionSpec
from pegboard_processes.wire.pickling import dumps
from pegboard_processes.worker.sessions import WorkerSessions


def spec(*recipes, number=0):
    """Pickle the description of a session."""
    return dumps(SessionSpec(f"session{number}", recipes, (), frozenset(), measured=False))


@pytest.mark.parametrize(
    ("module", "qualname", "settings"),
    [
        ("os", "system", {"command": "touch forged"}),
        ("subprocess", "Popen", {"args": ["touch", "forged"]}),
        ("pegboard.testing", "Recorder", {}),
        ("remote_plugins", "Counting", {"nothing": 1}),
        ("remote_plugins", "Missing", {}),
    ],
    ids=["function", "class", "plugin without worker_settings", "another name", "nothing"],
)
def test_forged_recipes(module, qualname, settings, tmp_path):
    """Nothing is called but a plugin's class of that name that says of itself that it goes to workers."""
    with pytest.raises(InvalidPlugin):
        WorkerSessions().get(spec(Recipe("forged", module, qualname, settings)))
    assert not (tmp_path / "forged").exists()


def test_threads_of_a_function_are_served(warm):
    """By the session that serves the function: it is the one of the whole process there."""
    with Session(executor=warm) as session:
        assert tasks.session_of_a_thread.submit().result() == (session.id, True)


def test_plugins_that_go_along(warm):
    """A plugin with `worker_settings` is made anew in the worker; one without stays at home."""
    import remote_plugins

    plugin = remote_plugins.Counting(step=5)
    with Session(plugin, executor=warm):
        assert remote_plugins.steps.submit().result() == 5
        assert remote_plugins.steps.map([0, 1]) == [5, 5]
    with Session(executor=warm):
        assert remote_plugins.steps.submit().result() is None


def test_nobody_says_there_that_the_environment_sets_nothing(monkeypatch, caplog):
    """What it sets was set at home, and came along."""
    monkeypatch.setenv("PEGBOARD_COUNTING__STEP", "7")
    WorkerSessions().get(spec(Recipe("counting", "remote_plugins", "Counting", {"step": 7})))
    assert caplog.records == []


def test_a_plugin_that_cannot_be_made_there(warm):
    """A plugin that fails to start in the worker fails the calls, with its error."""
    import remote_plugins

    with Session(remote_plugins.Counting(step=-1), executor=warm):
        with pytest.raises(ValueError, match="step"):
            tasks.plus_one.submit(1).result()
        found = tasks.plus_one.map([1, 2], on_error="collect")
        assert [type(each) for each in found] == [ValueError] * 2
    with Session(executor=warm):
        assert tasks.plus_one.submit(1).result() == 2


def test_an_option_whose_plugin_stayed_at_home_is_ignored(warm):
    """What has settings of its own, and is not made anew, does nothing in a worker; the call is made."""
    import remote_plugins

    with Session(remote_plugins.Stamping("stamp"), executor=warm):
        assert remote_plugins.stamped() == ("stamp", "value")
        assert remote_plugins.calls_stamped.submit().result() == "value"
        assert remote_plugins.stamped.submit().result() == ("stamp", "value")


def test_an_option_whose_plugin_needs_no_settings_is_served(warm, tmp_path):
    """A nested retry retries in a worker, whether home has its plugin by then or not."""
    import remote_plugins

    with Session(executor=warm):
        assert remote_plugins.calls_retried.submit(str(tmp_path / "first")).result() == "value"
        assert remote_plugins.succeeds_at_last(str(tmp_path / "here")) == "value"
        assert remote_plugins.calls_retried.submit(str(tmp_path / "second")).result() == "value"


def test_sessions_are_few():
    """The session not used for the longest ends, and all end with the process."""
    sessions = WorkerSessions()
    opened = [sessions.get(spec(number=number)) for number in range(10)]
    assert [each.session.is_open for each in opened] == [False] * 2 + [True] * 8
    assert sessions.get(spec(number=9)) is opened[9]
    sessions.close()
    assert not any(each.session.is_open for each in opened)


@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_worker_misses_no_session_of_who_forked_it():
    """So nothing is said there of calls that one does not see."""
    with Processes(1, start_method="fork") as forked, Session(executor=forked):
        assert tasks.sessions_open_elsewhere.submit().result(30) == 0
