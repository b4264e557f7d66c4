"""Commands of other members, as the command line runs them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from pegboard_cli import main
from pegboard_dashboards import SLO

MODULE = """
from pegboard import task

@task(name="load orders")
def load(): ...

class Shop:
    @task
    def close(self): ...

plain = 3
"""


@pytest.fixture
def slo(tmp_path, monkeypatch):
    """Run `pegboard slo` in a folder that has a module with tasks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "shop_of_slo.py").write_text(MODULE)

    def slo(*words):
        return CliRunner().invoke(main, ["slo", *words])

    return slo


@pytest.mark.parametrize("place", ["shop_of_slo:load", "shop_of_slo.py:load", "./shop_of_slo.py:load"])
def test_an_objective_takes_the_name_from_the_task(slo, place):
    """By module or by file, as `pegboard run` takes it."""
    assert slo(place, "--fresh", "26h").stdout == SLO("load orders", fresh="26h").to_yaml()


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("shop_of_slo:lod", "Did you mean 'load'?"),
        ("shop_of_slo:plain", "no task"),
        ("no_such_module:load", "there is no module 'no_such_module'"),
        ("no_such_file.py:load", "there is no file"),
    ],
)
def test_a_place_without_a_task_is_a_misuse(slo, place, text):
    """Told as `pegboard run` tells it, and no rules for a task of that name are written."""
    done = slo(place)
    assert done.exit_code == 2
    assert text in done.output
    assert "groups:" not in done.output
