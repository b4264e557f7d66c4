"""The default session: made from configuration where no session is open."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import attrs
import pytest
from config_files import write

from pegboard import (
    ConfigError,
    MissingPlugin,
    Option,
    Session,
    current_call,
    current_session,
    hookimpl,
    task,
)
from pegboard.sessions.configuration import load_config
from pegboard.sessions.default import DEFAULT
from pegboard.testing import reset_default_session


@attrs.frozen
class Level(Option):
    """An option that brings a plugin made here."""

    plugin_name = "levels"

    @classmethod
    def plugin(cls) -> type:
        return Levels


class Levels:
    name = "levels"
    lives: list[str] = []  # noqa: RUF012 - one log for all instances

    @hookimpl
    def session_start(self) -> None:
        self.lives.append("start")

    @hookimpl
    def session_end(self) -> None:
        self.lives.append("end")


pytestmark = pytest.mark.usefixtures("standins")


@pytest.fixture(autouse=True)
def _no_lives() -> None:
    Levels.lives.clear()


# When there is one -----------------------------------------------------------------------------------------------


def test_without_configuration_and_options_a_task_is_its_function() -> None:
    """No session, no call, and nothing is made."""
    seen = task(lambda: (current_call(), current_session()))
    assert seen() == (None, None)
    assert DEFAULT._session is None


def test_a_task_with_options_is_served() -> None:
    """Options work without a session around."""

    @task(Level())
    def served():
        return current_call()

    call = served()
    assert call.task is served
    assert list(call.session.plugins) == ["levels"]
    assert call.session is DEFAULT.get()
    assert served().session is call.session


@pytest.mark.parametrize(
    "way",
    [
        lambda made: made.run(1).unwrap(),
        lambda made: made.submit(1).result(10),
        lambda made: made.map([1])[0],
    ],
    ids=["run", "submit", "map"],
)
def test_whatever_needs_a_call_is_served(way) -> None:
    """`run`, `submit` and `map` have a call also without a session."""
    assert way(task(lambda x: current_call())).session is DEFAULT.get()


def test_an_open_session_does_not_inherit_from_the_default_one() -> None:
    """Inside `with Session()` only that one counts."""
    write(Path(), 'plugins = ["alpha"]')
    with Session() as session:
        assert dict(session.plugins) == {}


def test_it_starts_once_and_ends_when_reset() -> None:
    """The default session lives until the process ends, or a test resets it."""
    asking = task(Level())(lambda: 1)
    asking()
    asking()
    assert Levels.lives == ["start"]
    reset_default_session()
    assert Levels.lives == ["start", "end"]
    asking()
    assert Levels.lives == ["start", "end", "start"]


def test_threads_share_one_default_session() -> None:
    """The first of many makes it, once."""
    sessions: list[Session] = []
    barrier = threading.Barrier(16)
    asking = task(Level())(lambda: current_call().session)

    def worker() -> None:
        barrier.wait()
        sessions.append(asking())

    threads = [threading.Thread(target=worker) for _ in range(16)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(sessions) == 16
    assert len(set(map(id, sessions))) == 1
    assert Levels.lives == ["start"]


def test_a_reset_reaches_tasks_that_were_bare() -> None:
    """A task that was its function looks again after a reset."""
    seen = task(lambda: current_call())  # noqa: PLW0108 - the lambda is the body
    assert seen() is None
    write(Path(), 'plugins = ["alpha"]')
    assert list(seen().session.plugins) == ["alpha"]
    Path("pegboard.toml").unlink()
    reset_default_session()
    assert seen() is None


def test_it_ends_with_the_process(tmp_path: Path) -> None:
    """Plugins of the default session are ended at exit."""
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "program.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["start", "called", "end"]
    assert done.stderr == ""


PROGRAM = """
from pegboard import Option, hookimpl, task

class Living:
    name = "living"
    @hookimpl
    def session_start(self): print("start")
    @hookimpl
    def session_end(self): print("end")

class Brings(Option):
    plugin_name = "living"
    @classmethod
    def plugin(cls): return Living

@task(Brings())
def called(): print("called")

called()
"""


# Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "header"),
    [("pegboard.toml", ""), ("pyproject.toml", "[tool.pegboard]\n")],
    ids=["pegboard.toml", "pyproject.toml"],
)
def test_both_files_say_the_same(name: str, header: str) -> None:
    """Keys stand at the top of pegboard.toml, and in `[tool.pegboard]` of pyproject.toml."""
    write(
        Path(),
        f'{header}plugins = ["alpha"]\nexecutor = "inline"\nstrict = true\nstrict_plugins = true\n',
        name,
    )
    session = DEFAULT.get()
    assert list(session.plugins) == ["alpha"]
    assert (session.executors.default, session.strict, session.strict_plugins) == ("inline", True, True)


def test_a_plugin_in_the_configuration_serves_every_task() -> None:
    """Tasks without options too: there is always a call."""
    write(Path(), 'plugins = ["alpha"]')
    assert list(task(lambda: current_call())().session.plugins) == ["alpha"]  # noqa: PLW0108


def test_a_wrong_configuration_fails_every_call_and_not_only_the_first() -> None:
    """It is no warning that passes."""
    write(Path(), "zzz = 1")
    made = task(lambda: 1)
    for _ in range(2):
        with pytest.raises(ConfigError):
            made()
    with Session():
        assert made() == 1


def test_values_name_no_code() -> None:
    """A plugin is one that is installed under that name; a path to code is not."""
    write(Path(), 'plugins = ["os:system"]')
    with pytest.raises(MissingPlugin, match="no plugin is called 'os:system'"):
        DEFAULT.get()


def test_an_unknown_plugin_in_the_configuration_is_an_error() -> None:
    """With the nearest name."""
    write(Path(), 'plugins = ["aplha"]')
    with pytest.raises(MissingPlugin, match="Did you mean 'alpha'"):
        task(lambda: 1)()


def test_an_unknown_executor_in_the_configuration_is_an_error() -> None:
    """As in `Session(executor=...)`."""
    write(Path(), 'executor = "cluster"')
    with pytest.raises(ConfigError, match="no executor is called 'cluster'"):
        task(lambda: 1)()


# Settings --------------------------------------------------------------------------------------------------------


def test_settings_are_keyword_arguments_of_plugins() -> None:
    """`[settings.<name>]` goes to the plugin of that name."""
    write(Path(), 'plugins = ["beta"]\n[settings.beta]\nstore = "store"')
    assert DEFAULT.get().plugins["beta"].store == "store"


def test_an_unknown_keyword_of_a_plugin_is_an_error() -> None:
    """With the nearest name that the plugin knows."""
    write(Path(), 'plugins = ["beta"]\n[settings.beta]\nstroe = "x"')
    with pytest.raises(
        ConfigError, match=r"settings of plugin 'beta': unknown setting 'stroe'\. Did you mean 'store'"
    ):
        DEFAULT.get()


def test_settings_for_a_plugin_that_is_not_listed_are_an_error() -> None:
    """They would silently do nothing."""
    write(Path(), 'plugins = ["beta"]\n[settings.btea]\nstore = "x"')
    with pytest.raises(
        ConfigError, match=r"pegboard.toml: there are settings for 'btea'.* Did you mean 'beta'"
    ):
        DEFAULT.get()


def test_settings_of_a_disabled_plugin_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Switching a configured plugin off for one run breaks nothing."""
    monkeypatch.setenv("PEGBOARD_DISABLE", "beta")
    write(Path(), 'plugins = ["beta", "alpha"]\n[settings.beta]\nstore = "x"')
    assert list(DEFAULT.get().plugins) == ["alpha"]


# Environment -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["alpha", " alpha ,", "alpha,alpha", ",,alpha"])
def test_the_environment_names_plugins(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """PEGBOARD_PLUGINS is a list with commas."""
    monkeypatch.setenv("PEGBOARD_PLUGINS", value)
    reset_default_session()
    assert list(DEFAULT.get().plugins) == ["alpha"]


def test_the_environment_adds_to_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """First the file's plugins, then those of the variable, each once."""
    monkeypatch.setenv("PEGBOARD_PLUGINS", "alpha,beta")
    write(Path(), 'plugins = ["beta", "gamma"]')
    assert load_config().plugins == ("beta", "gamma", "alpha")


def test_the_environment_disables_in_every_session(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A plugin in PEGBOARD_DISABLE is attached nowhere; an option that needs it is ignored, with one warning."""
    monkeypatch.setenv("PEGBOARD_DISABLE", "levels,recorder")
    asking = task(Level())(lambda: 1)
    with Session(Levels(), strict_plugins=True) as session:
        assert dict(session.plugins) == {}
        assert session.register(Levels()) is None
        assert (asking(), asking()) == (1, 1)
    assert Levels.lives == []
    assert [record.getMessage() for record in caplog.records] == [
        f"plugin 'levels' is disabled, so Level on task {asking.name!r} is ignored"
    ]


def test_a_disabled_name_is_not_even_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, too; and installed or not."""
    monkeypatch.setenv("PEGBOARD_DISABLE", "alpha,nonexistent")
    with Session("alpha", "nonexistent") as session:
        assert dict(session.plugins) == {}


def test_an_inner_session_keeps_to_what_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Taking over from another session does not attach it either."""
    levels = Levels()
    with Session(levels):
        monkeypatch.setenv("PEGBOARD_DISABLE", "levels")
        with Session() as inner:
            assert dict(inner.plugins) == {}


def test_the_file_disables_in_the_default_session() -> None:
    """`disable` also holds against options that would bring the plugin."""
    write(Path(), 'disable = ["levels"]')
    assert task(Level())(lambda: list(current_call().session.plugins))() == []
    with Session():
        assert task(Level())(lambda: list(current_call().session.plugins))() == ["levels"]


def test_disabling_alone_makes_no_session_for_bare_tasks() -> None:
    """Where nothing is attached anyway, a task stays its function."""
    write(Path(), 'disable = ["levels"]')
    assert task(lambda: current_call())() is None  # noqa: PLW0108
