"""Commands that installed distributions add."""

from __future__ import annotations

import sys

import pytest

MODULE = """
import click
print("loaded")

@click.command()
@click.argument("word")
def shout(word):
    "Say it louder."
    click.echo(word.upper())

@click.command()
@click.argument("place")
@click.pass_context
def whose(context, place):
    click.echo(context.find_root().command.target.convert(place, None, context).name)

NONE = 3
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Install a distribution with commands; its module says when it is loaded."""

    def install(name: str, entries: str) -> None:
        site = tmp_path / name
        (site / f"{name}-1.0.dist-info").mkdir(parents=True)
        (site / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (site / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(f"[pegboard.commands]\n{entries}\n")
        (site / f"{name}_module.py").write_text(MODULE)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, f"{name}_module", raising=False)

    return install


def test_a_command_of_a_plugin_runs(installed, pegboard) -> None:
    """With its own arguments and help."""
    installed("extra", "shout = extra_module:shout")
    assert pegboard("shout", "hello").stdout == "loaded\nHELLO\n"
    assert "Say it louder." in pegboard("shout", "--help").stdout


def test_a_command_of_a_plugin_finds_a_task(installed, pegboard) -> None:
    """As `pegboard run` does, and with its complaints."""
    installed("extra", "whose = extra_module:whose")
    assert pegboard("whose", "jobs:double").stdout == "loaded\ndouble\n"
    done = pegboard("whose", "jobs:doubl")
    assert (done.exit_code, "Did you mean 'double'?" in done.stderr) == (2, True)


def test_the_help_names_it_and_loads_nothing(installed, pegboard) -> None:
    """Whose it is stands beside it."""
    installed("extra", "shout = extra_module:shout")
    shown = pegboard("--help").stdout
    assert "loaded" not in shown
    assert "from extra" in shown
    assert "Run a task" in shown


def test_a_command_of_our_own_is_not_replaced(installed, pegboard) -> None:
    """A plugin that calls its command `hooks` is not asked."""
    installed("extra", "hooks = extra_module:shout")
    assert "loaded" not in pegboard("hooks").stdout


def test_two_of_one_name_are_refused(installed, pegboard) -> None:
    """The error names both distributions."""
    installed("extra", "shout = extra_module:shout")
    installed("other", "shout = other_module:shout")
    done = pegboard("shout", "x")
    assert done.exit_code == 2
    assert "extra" in done.stderr
    assert "other" in done.stderr


def test_what_is_no_command_is_refused(installed, pegboard) -> None:
    """An entry that leads to something else is a misuse, said so."""
    installed("extra", "shout = extra_module:NONE")
    done = pegboard("shout")
    assert done.exit_code == 2
    assert "no click command" in done.stderr
