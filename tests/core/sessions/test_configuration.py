"""Which file counts, and which are refused."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from config_files import write

from pegboard import ConfigError
from pegboard.sessions.configuration import Config, load_config


def test_the_nearest_file_counts_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up from the current folder, the first that configures Pegboard is taken, and no other."""
    write(tmp_path / "a", 'plugins = ["beta"]')
    write(tmp_path / "a" / "b", '[tool.pegboard]\nplugins = ["alpha"]', "pyproject.toml")
    write(tmp_path / "a" / "b" / "c", "[project]\nname = 'other'", "pyproject.toml")
    monkeypatch.chdir(tmp_path / "a" / "b" / "c")
    assert load_config().plugins == ("alpha",)
    assert load_config(str(tmp_path / "a")).plugins == ("beta",)
    assert load_config(str(tmp_path)) == Config()


def test_pegboard_toml_comes_before_pyproject_toml() -> None:
    """In one folder the file of our own is nearer."""
    write(Path(), '[tool.pegboard]\nplugins = ["alpha"]', "pyproject.toml")
    write(Path(), 'plugins = ["beta"]')
    assert load_config().plugins == ("beta",)


@pytest.mark.parametrize(
    "text", ["", "[tool]\n", "[tool.other]\nx = 1\n", "tool = 3\n"], ids=["empty", "tool", "other", "odd"]
)
def test_a_pyproject_of_others_is_passed_over(text: str) -> None:
    """A file that does not configure Pegboard is no configuration."""
    write(Path(), text, "pyproject.toml")
    assert load_config().is_empty


@pytest.mark.parametrize(
    ("text", "key", "words"),
    [
        ("plugin = ['alpha']", "plugin", "unknown setting 'plugin'. Did you mean 'plugins'?"),
        ("strict_plugin = true", "strict_plugin", "Did you mean 'strict_plugins'?"),
        ("exectuor = 'inline'", "exectuor", "Did you mean 'executor'?"),
        ("zzz = 1", "zzz", "unknown setting 'zzz'. Known: disable, executor, plugins, settings, strict"),
        ("plugins = 'alpha'", "plugins", "plugins is a list of names, not 'alpha'"),
        ("plugins = [1]", "plugins", "plugins is a list of names"),
        ("disable = 'x'", "disable", "disable is a list of names"),
        ("executor = 3", "executor", "executor is a str, not 3"),
        ("strict = 'yes'", "strict", "strict is a bool, not 'yes'"),
        ("strict = 1", "strict", "strict is a bool, not 1"),
        ("settings = 1", "settings", "settings is a dict"),
        ("[settings]\nalpha = 1", "settings.alpha", "settings.alpha is a table of keyword arguments"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_a_wrong_setting_is_an_error_that_helps(text: str, key: str, words: str) -> None:
    """Unknown keys name the nearest known one, wrong types what is expected, and both the file."""
    path = write(Path().absolute(), text)
    with pytest.raises(ConfigError) as caught:
        load_config()
    assert words in str(caught.value)
    assert (caught.value.where, caught.value.key) == (str(path), key)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a = ", "is no valid TOML"),
        ("{}", "is no valid TOML"),
        ("plugins:\n  - alpha", "is no valid TOML"),
        ("a = " + "[" * 100_000, "is no valid TOML"),
        ("a = " + "{a=" * 100_000, "is no valid TOML"),
        ("a = " + "[" * 40 + "]" * 40, "nested more than 32 deep"),
        (".".join("a" * 40) + " = 1", "nested more than 32 deep"),
        (".".join("a" * 400_000) + " = 1", "nested more than 32 deep"),
        ("[" + " . ".join(['"a"'] * 150_000) + "]", "nested more than 32 deep"),
        ("#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
    ids=["TOML", "JSON", "YAML", "arrays", "tables", "40 deep", "40 parts", "many parts", "header", "large"],
)
def test_a_hostile_file_is_refused_at_once(text: str, words: str) -> None:
    """TOML only, at most 1 MB and 32 deep; refused within a second."""
    write(Path(), text)
    start = time.perf_counter()
    with pytest.raises(ConfigError, match=words):
        load_config()
    assert time.perf_counter() - start < 1


def test_a_file_of_other_bytes_is_refused() -> None:
    """TOML is UTF-8."""
    Path("pegboard.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no valid TOML"):
        load_config()


@pytest.mark.parametrize("kind", ["folder", "pipe", "link to nothing", "unreadable"])
def test_what_cannot_be_read_is_an_error(tmp_path: Path, kind: str) -> None:
    """Something is called `pegboard.toml`, so it was meant."""
    place = tmp_path / "pegboard.toml"
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere" if kind == "link to nothing" else "/proc/self/mem")
    with pytest.raises(
        ConfigError, match=r"pegboard\.toml (cannot be read: |is no file that can be read\.)"
    ) as refused:
        load_config(str(tmp_path))
    assert refused.value.where == str(place)
