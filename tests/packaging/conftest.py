"""Copies of the checkout, fresh environments, and the files that are built from them once a run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

ROOT = Path(__file__).parents[2]


@attrs.frozen
class Member:
    """A distribution of this checkout; `folder` is relative to its root."""

    folder: str
    root: Path = ROOT

    @property
    def path(self) -> Path:
        return self.root / self.folder

    @property
    def pyproject(self) -> dict[str, Any]:
        return tomllib.loads((self.path / "pyproject.toml").read_text(encoding="utf-8"))

    @property
    def project(self) -> dict[str, Any]:
        return self.pyproject["project"]

    @property
    def name(self) -> str:
        return self.project["name"]

    @property
    def package(self) -> str:
        return "pegboard" if self.folder == "core" else f"pegboard_{self.path.name}"

    @property
    def file_name(self) -> str:
        """How the names of its wheel and sdist begin."""
        return f"{self.name.replace('-', '_')}-{self.project['version']}"

    @property
    def siblings(self) -> list[str]:
        """The names of the members that it requires, itself first."""
        return [
            self.name,
            *(name for name in map(required_name, self.project["dependencies"]) if name in BY_NAME),
        ]

    @property
    def vendors(self) -> list[str]:
        """The requirements that are no members."""
        return [line for line in self.project["dependencies"] if required_name(line) not in BY_NAME]


def required_name(requirement: str) -> str:
    """The distribution name at the start of a requirement line."""
    return re.split(r"[^\w.-]", requirement, maxsplit=1)[0]


META = Member("")
MEMBERS = [
    Member(path.parent.relative_to(ROOT).as_posix())
    for pattern in ("core", "plugins/*", "exporters/*")
    for path in sorted(ROOT.glob(f"{pattern}/pyproject.toml"))
]
BY_NAME = {member.name: member for member in MEMBERS}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `member` runs once for each; one that asks for `distribution`, for the root too."""
    if "member" in metafunc.fixturenames:
        metafunc.parametrize("member", MEMBERS, ids=[member.name for member in MEMBERS])
    if "distribution" in metafunc.fixturenames:
        every = [META, *MEMBERS]
        metafunc.parametrize("distribution", every, ids=[member.name for member in every])


def run(*command: str | Path, cwd: Path, path: str | None = None, **variables: str) -> str:
    """Run `command` as a shell outside any environment would; return what it printed, or fail with it.

    Args:
        command: The program and its arguments.
        cwd: Where it runs.
        path: Another PATH.
        variables: More environment variables.
    """
    inherited = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "UV", "MAKEFLAGS", "MAKELEVEL", "MFLAGS"}
    environment = {name: value for name, value in os.environ.items() if name not in inherited}
    environment |= {"PATH": path or os.environ["PATH"], **variables}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


@attrs.frozen
class Environment:
    """A fresh virtual environment; commands run outside the checkout, so nothing is imported from it."""

    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"

    def pip(self, *arguments: str | Path, cwd: Path | None = None, **variables: str) -> str:
        return run(self.python, "-m", "pip", *arguments, cwd=cwd or self.folder, **variables)

    def evaluate(self, code: str) -> str:
        return run(self.python, "-c", code, cwd=self.folder).strip()

    def installed(self) -> set[str]:
        """The names of all Pegboard distributions in it."""
        listed = json.loads(self.evaluate(LIST_DISTRIBUTIONS))
        return {name for name in listed if name.startswith("pegboard")}


LIST_DISTRIBUTIONS = """
import importlib.metadata, json
print(json.dumps([found.metadata["Name"] for found in importlib.metadata.distributions()]))
"""


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    """A fresh environment with the pip that comes with this Python."""
    return new_environment(tmp_path / "environment")


@pytest.fixture
def make_environment(tmp_path: Path) -> Callable[[str], Environment]:
    """Makes a fresh environment with the pip that a requirement names."""

    def make(pip: str) -> Environment:
        made = new_environment(tmp_path / "environment")
        made.pip("install", "--upgrade", pip)
        return made

    return make


def new_environment(folder: Path) -> Environment:
    """An environment in `folder`, with nothing but pip and what comes with it."""
    run(sys.executable, "-m", "venv", folder, cwd=folder.parent)
    return Environment(folder)


def copy_checkout(target: Path) -> Path:
    """Copy every file of the checkout that git knows or would add."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():  # A deleted file stays listed until the deletion is staged.
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the checkout, for one test."""
    return copy_checkout(tmp_path / "checkout")


@pytest.fixture(scope="session")
def uv() -> str:
    """The uv of the development environment; none need be on PATH."""
    from uv import find_uv_bin

    return find_uv_bin()


@pytest.fixture(scope="session")
def dist(uv: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist of every distribution, and the wheel built from that sdist."""
    source = copy_checkout(tmp_path_factory.mktemp("source"))
    target = tmp_path_factory.mktemp("dist")
    run(uv, "build", "--quiet", "--all-packages", "--out-dir", target, cwd=source)
    return target


@pytest.fixture(scope="session")
def vendor_wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheels of everything that members and their builds need from elsewhere."""
    folder = tmp_path_factory.mktemp("vendors")
    needed = sorted({line for member in MEMBERS for line in (*member.vendors, *build_requirements(member))})
    helper = new_environment(folder / "helper")
    helper.pip("wheel", "--wheel-dir", folder / "wheels", *needed)
    return folder / "wheels"


def build_requirements(member: Member) -> list[str]:
    """What building `member` needs."""
    return member.pyproject["build-system"]["requires"]


@pytest.fixture
def root() -> Path:
    """The checkout itself; for reading."""
    return ROOT


@pytest.fixture
def root_project() -> dict[str, Any]:
    """The root's pyproject.toml."""
    return META.pyproject


@pytest.fixture
def members() -> dict[str, Member]:
    """Every member, by distribution name."""
    return BY_NAME


@pytest.fixture
def run_command() -> Callable[..., str]:
    """`run`, for tests."""
    return run
