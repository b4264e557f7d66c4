"""Installed plugins: found by name, and never loaded because they are there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pegboard import MissingPlugin, Option, PluginConflict, Session, discovery, task

STRANGER = """
from pathlib import Path
Path({flag!r}).touch()

class Stranger:
    name = "stranger"
"""

LIFE = """
import sys
import pegboard
from pegboard import Session, current_call, task
from pegboard.discovery import installed

@task
def plain(x): return current_call() is not None

plain(1)
plain.run(1)
assert plain.map([1, 2]) == [True, True]
with Session() as outer, Session() as inner:
    assert plain(1)
    inner.explain(plain)
assert "stranger" in installed()
assert "stranger_plugin" not in sys.modules
print("not loaded")
"""


def run(site: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Run a program that has the site on its path."""
    code = f"import sys; sys.path.insert(0, {str(site)!r})\n{program}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_a_strangers_plugin_is_not_imported(site, tmp_path: Path) -> None:
    """Importing, calling, mapping and opening sessions load nothing that is merely installed."""
    flag = tmp_path / "imported"
    site.install(
        "stranger",
        {"stranger": "stranger_plugin:Stranger"},
        {"stranger_plugin": STRANGER.format(flag=str(flag))},
    )
    done = run(site.folder, LIFE)
    assert done.stdout == "not loaded\n", done.stderr
    assert not flag.exists()
    asked = run(site.folder, "import pegboard; pegboard.Session('stranger')")
    assert asked.returncode == 0, asked.stderr
    assert flag.exists()


def test_a_name_that_two_distributions_claim_names_both(site) -> None:
    """Pegboard does not guess, and imports neither."""
    for owner in ("first-owner", "second-owner"):
        module = owner.replace("-", "_")
        site.install(owner, {"shared": f"{module}:Shared"}, {module: "raise SystemExit('imported')"})
    with pytest.raises(PluginConflict, match="is claimed by") as caught:
        Session("shared")
    assert caught.value.plugin == "shared"
    assert set(caught.value.claimants) == {"first-owner", "second-owner"}
    assert all(owner in str(caught.value) for owner in caught.value.claimants)


def test_a_clash_does_not_hurt_other_names(site, standins) -> None:
    """Only who asks for the name is told."""
    for owner in ("first-owner", "second-owner"):
        site.install(owner, {"shared": f"{owner.replace('-', '_')}:Shared"}, {})
    with Session("alpha") as session:
        assert list(session.plugins) == ["alpha"]


def test_one_plugin_that_is_on_the_path_twice_is_no_clash(site, standins) -> None:
    """The same class under the same name, as after an editable install beside a plain one."""
    site.install("pegboard-standins-again", {"alpha": "standin_plugins:Alpha"}, {})
    with Session("alpha") as session:
        assert list(session.plugins) == ["alpha"]


def test_a_missing_first_party_plugin_says_what_to_install(site) -> None:
    """Its extra, in the words of pip."""
    discovery.installed.cache_clear()
    for extra in ("retry", "cli"):
        assert (
            discovery.missing(extra) == f"plugin {extra!r} is not installed: pip install 'pegboard[{extra}]'"
        )


@pytest.mark.usefixtures("standins")
def test_an_unknown_name_suggests_the_nearest() -> None:
    """Among what is installed and what could be."""
    with pytest.raises(
        MissingPlugin, match=r"no plugin is called 'aplha'\. Did you mean 'alpha'\?"
    ) as caught:
        Session("aplha")
    assert caught.value.plugin == "aplha"
    assert "alpha, beta" in str(caught.value)
    with pytest.raises(MissingPlugin, match="Did you mean 'metrics'"):
        Session("metric")


def test_a_missing_plugin_is_an_import_error() -> None:
    """So that whoever guards optional imports catches it."""
    with pytest.raises(ImportError):
        Session("no-such-plugin")


@pytest.mark.usefixtures("standins")
def test_an_option_finds_its_plugin_by_name() -> None:
    """The default of `Option.plugin` looks among the installed ones."""

    class Asks(Option):
        plugin_name = "beta"

    with Session() as session:
        task(Asks())(lambda: 1)()
        assert type(session.plugins["beta"]).__name__ == "Beta"


def test_an_option_whose_plugin_is_missing_fails_the_call() -> None:
    """An option is never silently ignored, and the body does not run."""
    ran: list[int] = []

    class Asks(Option):
        plugin_name = "nowhere"

    with pytest.raises(MissingPlugin, match="no plugin is called 'nowhere'"):
        task(Asks())(lambda: ran.append(1))()
    assert ran == []


def test_installed_tells_every_name_without_importing(standins) -> None:
    """The command line lists plugins from this, with their distributions."""
    before = set(sys.modules)
    found = discovery.installed()
    assert {"alpha", "beta", "gamma"} <= set(found)
    assert discovery.distribution_of(found["alpha"][0]) == "pegboard-standins"
    assert "standin_plugins" not in set(sys.modules) - before


@pytest.mark.parametrize(
    "value", ["no_such_module:Plugin", "standin_plugins:Missing"], ids=["module", "class"]
)
def test_a_broken_entry_point_raises_what_the_import_raises(site, standins, value: str) -> None:
    """A distribution that is there but broken is not reported as missing."""
    site.install("broken", {"broken": value}, {})
    with pytest.raises((ModuleNotFoundError, AttributeError)) as caught:
        Session("broken")
    assert not isinstance(caught.value, MissingPlugin)
