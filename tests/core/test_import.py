"""Importing Pegboard: cheap, and without a trace."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pegboard
from pegboard._first_party import MEMBERS, PROVIDED

SNAPSHOT = """
import gc, logging, os, signal, sys, threading, warnings

def snapshot():
    umask = os.umask(0o022)
    os.umask(umask)
    return dict(
        threads=set(threading.enumerate()),
        handlers=list(logging.root.handlers),
        loggers={{name for name in logging.root.manager.loggerDict if name.startswith("pegboard")}},
        signals=[signal.getsignal(each) for each in signal.valid_signals()],
        environment=dict(os.environ),
        descriptors=len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0,
        hooks=(sys.excepthook, threading.excepthook, sys.unraisablehook, sys.displayhook, sys.get_asyncgen_hooks()),
        filters=list(warnings.filters),
        imports=(list(sys.path), list(sys.meta_path), list(sys.path_hooks)),
        limits=(sys.getrecursionlimit(), sys.getswitchinterval(), gc.get_threshold(), list(gc.callbacks), umask),
        files=sorted(os.listdir(".")),
    )

import attrs, pluggy  # what they change is theirs
before = snapshot()
{what}
after = snapshot()
print([name for name in before if before[name] != after[name]])
"""


def fresh(program: str) -> str:
    """Run a program in an interpreter of its own, in the test's empty folder, and return what it printed."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize(
    "what",
    [
        "import pegboard",
        "import pegboard; from pegboard import *",
        "import pegboard, pegboard.testing",
        "from pegboard import task\n@task\ndef f(x): return x\nassert f(1) == 1",
        "from pegboard import Session, task\n@task\ndef f(x): return x\nwith Session():\n    assert f(1) == 1",
    ],
    ids=["import", "star", "testing", "decorate and call", "session"],
)
def test_nothing_global_is_changed(what: str) -> None:
    """No thread, handler, logger, signal, variable, hook, warning filter, file or socket, on import or first use (S9)."""
    assert fresh(SNAPSHOT.format(what=what)) == "[]"


@pytest.mark.parametrize(
    "module",
    [
        "asyncio",
        "logging",
        "concurrent.futures",
        "importlib.metadata",
        "pathlib",
        "tomllib",
        "difflib",
        "pickle",
        "queue",
        "socket",
        "ssl",
        "subprocess",
        "multiprocessing",
        "json",
        "string",
        "pytest",
    ],
)
def test_import_loads_nothing_that_is_not_needed(module: str) -> None:
    """What only some calls need is imported by them (design 7)."""
    already = fresh("import sys, pluggy, attrs; print(*sys.modules)").split()
    if module in already:
        pytest.skip("pluggy or attrs loads it")
    assert module not in fresh("import sys, pegboard; print(*sys.modules)").split()


def test_import_loads_no_plugin() -> None:
    """First-party names are lazy, whatever is installed."""
    loaded = fresh("import sys, pegboard; print(*sys.modules)").split()
    assert [name for name in loaded if name.startswith("pegboard_")] == []


def test_every_public_name_is_there() -> None:
    """`__all__` and `dir()` agree with what can be had."""
    assert len(set(pegboard.__all__)) == len(pegboard.__all__)
    for name in pegboard.__all__:
        assert hasattr(pegboard, name)
    assert set(pegboard.__all__) | set(PROVIDED) <= set(dir(pegboard))


def test_star_import_brings_exactly_the_public_names() -> None:
    """And so it needs no plugin to be installed."""
    printed = fresh("from pegboard import *; print(*sorted(n for n in dir() if not n.startswith('__')))")
    assert printed.split() == sorted(pegboard.__all__)


@pytest.mark.parametrize("name", sorted(PROVIDED))
def test_a_name_whose_plugin_is_missing_says_what_to_install(name: str) -> None:
    """Blocked or absent, the error is the same one line (design 2)."""
    extra = PROVIDED[name]
    program = f"""
import sys
sys.modules["pegboard_{extra}"] = None  # as if it were not installed
import pegboard
try:
    pegboard.{name}
except pegboard.MissingPlugin as error:
    assert isinstance(error, ImportError)
    print(error.plugin, error)
"""
    needs = f"{extra} {name} needs the plugin {extra!r}: pip install 'pegboard[{extra}]'"
    assert fresh(program) == needs


def test_from_import_of_a_missing_plugin_says_the_same() -> None:
    """`from pegboard import Retry` is how people ask."""
    program = """
import sys
sys.modules["pegboard_retry"] = None
try:
    from pegboard import Retry
except ImportError as error:
    print(type(error).__name__, error)
"""
    assert fresh(program) == "MissingPlugin Retry needs the plugin 'retry': pip install 'pegboard[retry]'"


def test_a_broken_plugin_is_not_called_missing(site) -> None:
    """A dependency of a plugin that is not there is told as what it is."""
    site.install("pegboard-retry", {}, {"pegboard_retry": "import no_such_dependency"})
    program = f"""
import sys
sys.path.insert(0, {str(site.folder)!r})
import pegboard
try:
    pegboard.Retry
except ModuleNotFoundError as error:
    print(type(error).__name__, error.name)
"""
    assert fresh(program) == "ModuleNotFoundError no_such_dependency"


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="module 'pegboard' has no attribute 'Retyr'"):
        pegboard.Retyr  # noqa: B018 - the access raises
    assert not hasattr(pegboard, "__path_of_nothing__")


def test_every_first_party_name_belongs_to_an_extra() -> None:
    """What can be named can be installed."""
    assert set(PROVIDED.values()) <= set(MEMBERS)


def test_the_package_says_that_it_is_typed() -> None:
    """`py.typed` is where type checkers look for it."""
    from importlib.resources import files

    assert files("pegboard").joinpath("py.typed").is_file()
