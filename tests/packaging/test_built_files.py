"""What wheels and sdists hold, and what they must not."""

from __future__ import annotations

import tarfile
import zipfile
from email.parser import HeaderParser
from pathlib import PurePosixPath

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture
def wheel(distribution, dist):
    """The names of the files in the wheel, with their text on demand."""
    with zipfile.ZipFile(dist / f"{distribution.file_name}-py3-none-any.whl") as opened:
        yield opened


@pytest.fixture
def sdist(distribution, dist):
    """The sdist, as an opened archive."""
    with tarfile.open(dist / f"{distribution.file_name}.tar.gz") as opened:
        yield opened


def wheel_metadata(wheel, distribution):
    return wheel.read(f"{distribution.file_name}.dist-info/METADATA").decode()


def test_wheel_metadata_holds_no_path(wheel, distribution):
    """A wheel requires by name and version."""
    required = HeaderParser().parsestr(wheel_metadata(wheel, distribution)).get_all("Requires-Dist")
    assert [line for line in required if "file:" in line or "@" in line or "/" in line] == []


def test_sdist_metadata_holds_no_path(sdist, distribution):
    """So does an sdist."""
    text = sdist.extractfile(f"{distribution.file_name}/PKG-INFO").read().decode()
    required = HeaderParser().parsestr(text).get_all("Requires-Dist")
    assert [line for line in required if "file:" in line or "@" in line or "/" in line] == []


def test_wheel_holds_no_tests(wheel):
    """Tests stay in the repository."""
    assert [name for name in wheel.namelist() if is_test(name)] == []


def test_sdist_holds_no_tests(sdist):
    """Tests stay in the repository."""
    assert [name for name in sdist.getnames() if is_test(name)] == []


def is_test(name):
    path = PurePosixPath(name)
    return "tests" in path.parts or path.name.startswith("test_") or path.name == "conftest.py"


def test_wheel_holds_licence(wheel, distribution):
    """Every wheel carries the licence."""
    assert f"{distribution.file_name}.dist-info/licenses/LICENSE" in wheel.namelist()


def test_members_wheel_is_typed(member, dist):
    """Type checkers see the annotations of an installed member."""
    with zipfile.ZipFile(dist / f"{member.file_name}-py3-none-any.whl") as wheel:
        assert f"{member.package}/py.typed" in wheel.namelist()


def test_members_wheel_holds_one_package(member, dist):
    """A member installs its own package and nothing beside it."""
    with zipfile.ZipFile(dist / f"{member.file_name}-py3-none-any.whl") as wheel:
        tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert tops == {member.package, f"{member.file_name}.dist-info"}


def test_root_wheel_holds_no_code(root_project, dist):
    """The meta distribution is requirements alone."""
    version = root_project["project"]["version"]
    with zipfile.ZipFile(dist / f"pegboard-{version}-py3-none-any.whl") as wheel:
        tops = {PurePosixPath(name).parts[0] for name in wheel.namelist()}
    assert tops == {f"pegboard-{version}.dist-info"}


def test_root_offers_every_member_and_its_own_extras(root_project, members, dist):
    """Each folder of plugins/ and exporters/ is an extra; so is each extra of theirs, as `cache-redis`; `all` is one more."""
    version = root_project["project"]["version"]
    with zipfile.ZipFile(dist / f"pegboard-{version}-py3-none-any.whl") as wheel:
        metadata = HeaderParser().parsestr(wheel.read(f"pegboard-{version}.dist-info/METADATA").decode())
    folders = {member.path.name: member for name, member in members.items() if name != "pegboard-core"}
    own = {
        f"{name}-{extra}"
        for name, member in folders.items()
        for extra in member.project.get("optional-dependencies", {})
    }
    assert set(metadata.get_all("Provides-Extra")) == {*folders, *own, "all"}
    required = metadata.get_all("Requires-Dist")
    (line,) = members["pegboard-cache"].project["optional-dependencies"]["redis"]
    assert f"{line}; extra == 'cache-redis'" in required
    assert f"pegboard-cache=={version}; extra == 'cache-redis'" in required


def test_pip_wheel_in_a_checkout_holds_no_path(environment, checkout, tmp_path):
    """Even pip, which is shown the members' folders, builds a wheel without them."""
    environment.pip("wheel", "--no-deps", "--wheel-dir", tmp_path / "wheels", ".", cwd=checkout)
    (built,) = (tmp_path / "wheels").glob("pegboard-*.whl")
    with zipfile.ZipFile(built) as wheel:
        metadata = b"".join(wheel.read(name) for name in wheel.namelist() if name.endswith("METADATA"))
    assert b"Requires-Dist: pegboard-core==" in metadata
    assert b"file:" not in metadata
