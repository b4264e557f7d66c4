"""Settings of plugins from environment variables."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Iterator, Mapping
from os import PathLike
from pathlib import Path
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
    ("keyword", "text", "is_open"),
    [
        ("port", "4", True),
        ("live", "yes", True),
        ("level", "low", True),
        ("rate", "", True),
        ("title", "s3cr3t", False),
        ("hosts", "s3cr3t", False),
        ("token", "s3cr3t", False),
    ],
)
def test_numbers_flags_and_choices_may_be_shown(
    monkeypatch: pytest.MonkeyPatch, keyword: str, text: str, is_open: bool
) -> None:
    """And nothing else, as any text may be a secret."""
    variable = f"PEGBOARD_SHOP_WINDOW__{keyword.upper()}"
    monkeypatch.setenv(variable, text)
    found = settings_of("shop-window", Shop)[keyword]
    assert (found.variable, found.is_open) == (variable, is_open)


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


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe", "it is no UTF-8 text"), (b"a" * 1_000_001, "it is larger than 1,000,000 bytes")],
    ids=["no text", "too large"],
)
def test_a_file_that_holds_no_setting_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, said: str
) -> None:
    """Nothing of it is shown."""
    (tmp_path / "title").write_bytes(content)
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE_FILE", str(tmp_path / "title"))
    with pytest.raises(ConfigError, match=said):
        setting("title")


@pytest.mark.parametrize(
    ("content", "value"),
    [(b"abc\r\n", "abc"), (b"abc\n\n", "abc\n"), (b"\xef\xbb\xbfabc", "abc"), (b"", "")],
    ids=["Windows", "two line breaks", "byte order mark", "empty"],
)
def test_a_file_may_be_of_any_editor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, value: str
) -> None:
    """What it adds by itself is none of the value."""
    (tmp_path / "title").write_bytes(content)
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE_FILE", str(tmp_path / "title"))
    assert setting("title") == value


def test_a_number_may_be_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever may be in a variable."""
    (tmp_path / "port").write_text("4\n")
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__PORT_FILE", str(tmp_path / "port"))
    assert setting("port") == 4


def test_a_setting_that_is_there_twice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could tell which of them holds."""
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE", "abc")
    monkeypatch.setenv("PEGBOARD_SHOP_WINDOW__TITLE_FILE", "/run/secrets/title")
    with pytest.raises(ConfigError, match="__TITLE and PEGBOARD_SHOP_WINDOW__TITLE_FILE are both set"):
        setting("title")


class Odd:
    """A plugin of somebody who writes signatures in other ways."""

    __slots__ = ("settings",)
    name = "odd__name"

    def __init__(  # type: ignore[no-untyped-def]
        self, first: int = 1, /, second: int = 2, *hosts: str, file: str = "", untyped=3, **more: str
    ) -> None:
        self.settings = {"second": second, "file": file}

    @hookimpl
    def session_start(self) -> None:
        """Nothing, so that it is a plugin."""


@pytest.mark.parametrize("keyword", ["FIRST", "HOSTS", "MORE", "UNTYPED", "ANYTHING"])
def test_only_parameters_that_are_given_by_name_are_settable(
    monkeypatch: pytest.MonkeyPatch, keyword: str
) -> None:
    """With an annotation that says what they take."""
    monkeypatch.setenv(f"PEGBOARD_ODD__NAME__{keyword}", "1")
    with pytest.raises(ConfigError, match="Settable: PEGBOARD_ODD__NAME__SECOND, PEGBOARD_ODD__NAME__FILE"):
        settings_of("odd__name", Odd)


def test_a_parameter_may_be_called_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Then its value may be in a file all the same."""
    (tmp_path / "file").write_text("abc")
    monkeypatch.setenv("PEGBOARD_ODD__NAME__FILE_FILE", str(tmp_path / "file"))
    assert settings_of("odd__name", Odd)["file"].value == "abc"


@pytest.mark.usefixtures("nothing_said")
def test_a_plugin_with_slots_is_one_too(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody says of it that a variable had no effect."""
    monkeypatch.setenv("PEGBOARD_ODD__NAME__SECOND", "4")
    made: Any = make("odd__name", Odd)
    with Session(made):
        assert made.settings["second"] == 4
    assert caplog.records == []


class Vault:
    """A plugin whose errors show what it was given."""

    name = "vault"
    error: type[Exception] = ValueError

    def __init__(
        self,
        url: str = "",
        headers: Mapping[str, str] | None = None,
        hosts: Iterable[str] = (),
        token: Secret[str] | None = None,
        level: Literal["low", "high"] = "low",
        port: int = 1,
    ) -> None:
        shown = token.reveal() if token is not None else ""
        rest = url.rpartition(":")[2]
        raise self.error(f"cannot use {url!r}, {rest}, {headers}, {list(hosts)}, {shown}, {level}, {port}")


class RefusedError(ConfigError):
    """A plugin's own error."""

    def __init__(self, text: str) -> None:
        super().__init__(text, where="Vault", key="url")


@pytest.mark.parametrize("error", [ValueError, RuntimeError, RefusedError])
@pytest.mark.parametrize(
    ("keyword", "text"),
    [
        ("URL", "http://user:s3cr3t@host/path"),
        ("URL", "vault:s3cr3t"),
        ("URL", "abc"),
        ("HEADERS", "authorization=Bearer s3cr3t"),
        ("HOSTS", "host-1,s3cr3t"),
        ("TOKEN", "s3cr3t"),
    ],
)
def test_what_a_plugin_says_of_its_settings_shows_no_text(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception], keyword: str, text: str
) -> None:
    """Any may be a secret, and a part of it, too; the traceback has no other error."""
    monkeypatch.setattr(Vault, "error", error)
    monkeypatch.setenv(f"PEGBOARD_VAULT__{keyword}", text)
    monkeypatch.setenv("PEGBOARD_VAULT__PORT", "9464")
    monkeypatch.setenv("PEGBOARD_VAULT__LEVEL", "high")
    with pytest.raises(ConfigError) as caught:
        make("vault", Vault)
    told = "".join(traceback.format_exception(caught.value))
    assert "s3cr3t" not in told
    assert "'abc'" not in told
    assert "high, 9464" in str(caught.value)
    assert "***" in str(caught.value)
    assert f"PEGBOARD_VAULT__{keyword}" in str(caught.value)


def test_a_text_of_a_file_is_shown_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be a secret as well."""
    given = {"url": "s3" + "cr3t"}
    with pytest.raises(ConfigError, match="url: cannot use '\\*\\*\\*'") as caught:
        make("vault", Vault, given)
    assert "s3cr3t" not in "".join(traceback.format_exception(caught.value))


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
