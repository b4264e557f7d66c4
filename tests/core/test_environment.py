"""Settings of plugins from environment variables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from typing import Any, Literal

import pytest

from pegboard import ConfigError, Option, Secret, Session, hookimpl, task
from pegboard.environment import _told, make, settings_of

Level = Literal["low", "high"]


class Shop:
    """A plugin with a parameter of every kind."""

    name = "shop-window"

    def __init__(
        self,
        port: int = 1,
        rate: float | None = None,
        live: bool = False,
        title: str = "",
        folder: str | PathLike[str] | None = None,
        level: Literal["low", "high", 3] | None = None,
        other_level: Level | None = None,
        token: str | Secret[str] | None = None,
        hosts: Iterable[str] = (),
        headers: Mapping[str, str] | None = None,
        either: bool | int | str = False,
        client: object = None,
        token_file: str | None = None,
    ) -> None:
        if port > 9:
            raise ValueError(f"port is at most 9, not {port}")
        self.settings = {name: value for name, value in locals().items() if name != "self"}

    @hookimpl
    def session_start(self) -> None:
        """Nothing, so that it is a plugin."""


def setting(keyword: str) -> Any:
    return settings_of("shop-window", Shop)[keyword].value


@pytest.mark.parametrize(
    ("keyword", "text", "value"),
    [
        ("port", "4", 4),
        ("rate", "0.5", 0.5),
        ("rate", "", None),
        ("live", "yes", True),
        ("live", "OFF", False),
        ("title", "", ""),
        ("title", "1", "1"),
        ("folder", "/data", "/data"),
        ("folder", "", None),
        ("level", "high", "high"),
        ("level", "3", 3),
        ("other_level", "low", "low"),
        ("token", "abc", Secret("abc")),
        ("hosts", "a, b,", ["a", "b"]),
        ("headers", "a=b, c = d=e", {"a": "b", "c": "d=e"}),
        ("either", "1", True),
        ("either", "20", 20),
        ("either", "debug", "debug"),
    ],
)
def test_a_text_becomes_what_the_parameter_takes(
    monkeypatch: pytest.MonkeyPatch, keyword: str, text: str, value: object
) -> None:
    """By its annotation: the narrowest kind that the text is."""
    monkeypatch.setenv(f"PEGBOARD_SHOP_WINDOW__{keyword.upper()}", text)
    found = setting(keyword)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("keyword", "text", "said"),
    [
        ("port", "hunter2", "a whole number"),
        ("rate", "hunter2", "empty or a number"),
        ("live", "hunter2", "true or false"),
        ("level", "hunter2", "one of low, high, 3"),
        ("headers", "hunter2", "key=value"),
    ],
)
def test_a_text_that_does_not_convert_is_an_error(
    monkeypatch: pytest.MonkeyPatch, keyword: str, text: str, said: str
) -> None:
    """It tells what would, and not the text, which may be a secret."""
    monkeypatch.setenv(f"PEGBOARD_SHOP_WINDOW__{keyword.upper()}", text)
    with pytest.raises(ConfigError) as caught:
        setting(keyword)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("keyword", "text", "shown"),
    [
        ("port", "4", "4"),
        ("live", "yes", "True"),
        ("level", "low", "'low'"),
        ("rate", "", "None"),
        ("title", "s3cr3t", "***"),
        ("hosts", "s3cr3t", "***"),
        ("token", "s3cr3t", "***"),
    ],
)
def test_numbers_flags_and_choices_may_be_shown(
    monkeypatch: pytest.MonkeyPatch, keyword: str, text: str, shown: str
) -> None:
    """And nothing else, as any text may be a secret."""
    variable = f"PEGBOARD_SHOP_WINDOW__{keyword.upper()}"
    monkeypatch.setenv(variable, text)
    found = settings_of("shop-window", Shop)[keyword]
    assert (found.variable, found.shown) == (variable, shown)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("PROT", "Did you mean 'PEGBOARD_SHOP_WINDOW__PORT'"),
        ("CLIENT", "'client' takes no text"),
        ("CLIENT_FILE", "'client' takes no text"),
    ],
)
def test_a_variable_that_sets_nothing_of_the_plugin_is_an_error(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    """With the nearest one, and those that are settable."""
    monkeypatch.setenv(f"PEGBOARD_SHOP_WINDOW__{variable}", "1")
    with pytest.raises(ConfigError, match="Settable: PEGBOARD_SHOP_WINDOW__PORT") as caught:
        settings_of("shop-window", Shop)
    assert said in str(caught.value)


def test_one_underscore_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes sets such variables for a Service of that name."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW_PORT", "tcp://10.0.0.1:80")
    assert settings_of("shop-window", Shop) == {}


def test_a_value_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """As a mounted secret is; its last line break is none of it."""
    (tmp_path / "title").write_text("abc \n")
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE_FILE", str(tmp_path / "title"))
    assert setting("title") == "abc "


def test_a_parameter_whose_name_ends_so_is_meant_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """`token_file` is a path."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TOKEN_FILE", "/run/secrets/token")
    assert list(settings_of("shop-window", Shop)) == ["token_file"]
    assert setting("token_file") == "/run/secrets/token"


def test_a_file_that_cannot_be_read_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """It names the variable."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(
        ConfigError, match="PEGBOARD_SHOP_WINDOW__TITLE_FILE names a file that cannot be read"
    ):
        setting("title")


def test_the_environment_goes_before_what_else_was_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What else was set stays for the rest."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT", "4")
    made: Any = make("shop-window", Shop, {"port": 2, "title": "abc"})
    assert (made.settings["port"], made.settings["title"]) == (4, "abc")


def test_what_the_plugin_refuses_is_an_error_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps the plugin's reason."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT", "10")
    with pytest.raises(ConfigError, match="port is at most 9"):
        make("shop-window", Shop)


class Window(Option):
    """An option of that plugin."""

    @classmethod
    def plugin(cls) -> type:
        return Shop


def test_a_plugin_that_an_option_brings_is_set_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else sets anything for it."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT", "4")

    @task(Window())
    def look() -> None: ...

    with Session() as session:
        look()
        assert session[Shop].settings["port"] == 4


def test_a_plugin_that_is_attached_by_name_is_set_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that the configuration names."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT", "4")
    monkeypatch.setattr("pegboard.discovery.find", lambda _: Shop)
    with Session("shop-window") as session:
        assert session[Shop].settings["port"] == 4


@pytest.fixture
def nothing_said() -> Iterator[None]:
    _told.clear()
    yield
    _told.clear()


@pytest.mark.usefixtures("nothing_said")
def test_an_instance_keeps_what_it_was_given_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever set the variable would wonder."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT", "4")
    for _ in range(2):
        with Session(Shop(port=2)) as session:
            assert session[Shop].settings["port"] == 2
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "PEGBOARD_SHOP_WINDOW__PORT has no effect"
    ]


def test_variables_for_plugins_that_are_not_attached_do_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """One environment may serve several programs."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PROT", "4")
    with Session():
        pass
