"""Every test of the core runs away from the checkout's own configuration, and leaves no trace."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from pegboard import current_call, current_session, discovery
from pegboard.current import active_session, running_call
from pegboard.testing import reset_default_session

sys.path.insert(0, str(Path(__file__).parent / "modules"))  # plugins that several files of tests attach

STANDINS = """
from pegboard import hookimpl

class Plugin:
    def __init__(self, store=None):
        self.store = store

    @hookimpl
    def before_execute(self): ...

class Alpha(Plugin):
    name = "alpha"

class Beta(Plugin):
    name = "beta"

class Gamma(Plugin):
    name = "gamma"
"""


@pytest.fixture(autouse=True)
def on_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty folder, no PEGBOARD_* variable, a default session not yet made; and a clean context afterwards."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith("PEGBOARD_")]:
        monkeypatch.delenv(variable)
    reset_default_session()
    yield
    reset_default_session()
    left = current_session(), current_call()
    active_session.set(None)
    running_call.set(None)
    assert left == (None, None)


@attrs.frozen
class Site:
    """A folder of installed distributions."""

    folder: Path

    def install(self, distribution: str, entries: Mapping[str, str], modules: Mapping[str, str]) -> None:
        """Put a distribution there, with entry points of the group `pegboard.plugins`."""
        metadata = self.folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        points = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (metadata / "entry_points.txt").write_text(f"[{discovery.GROUP}]\n{points}")
        for name, source in modules.items():
            (self.folder / f"{name}.py").write_text(source)
        discovery.installed.cache_clear()


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A folder of distributions, on the path for this test."""
    folder = tmp_path_factory.mktemp("site")
    monkeypatch.syspath_prepend(folder)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(folder)):
            del sys.modules[name]
    discovery.installed.cache_clear()


@pytest.fixture
def standins(site: Site) -> Site:
    """A distribution with the plugins `alpha`, `beta` and `gamma`, so that the core's tests need no other member."""
    entries = {name: f"standin_plugins:{name.capitalize()}" for name in ("alpha", "beta", "gamma")}
    site.install("pegboard-standins", entries, {"standin_plugins": STANDINS})
    return site
