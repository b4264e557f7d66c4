"""What the tests of datasets share."""

from __future__ import annotations

import asyncio

import pytest

from pegboard import Session, hookimpl
from pegboard.testing import Recorder
from pegboard_datasets import Datasets, _catalog, _exact_format, _registry

HOSTILE = [
    "..",
    "../x",
    "../../../../tmp/x",
    "a/../../x",
    "a/./x",
    ".",
    "/etc/passwd",
    "//host/share",
    "~root/x\n",
    "C:\\x",
    "C:x",
    "\\\\host\\share",
    "a\\b",
    "..\\x",
    "\0",
    "a\0b",
    "a\nb",
    "a\r\nb",
    "\x1b[31mred",
    "a\u2028b",
    "a\u202eb",
    "a\ud800b",
    "s3://bucket/x",
    "file:///etc/passwd",
    "x" * 300,
    "ä" * 120,
    "",
    "a//b",
    "a/",
    "CON",
    "nul.txt",
    "x. ",
    "x.",
    " x",
    ".pegboard-x",
]


class DatasetEvents:
    """Keeps the events of datasets: hook, call, key, format and size."""

    name = "dataset-events"

    def __init__(self):
        self.told = []

    @hookimpl
    def on_dataset_save(self, call, key, format, size):  # noqa: A002 - as in the spec
        self.told.append(("save", call, key, format, size))

    @hookimpl
    def on_dataset_load(self, call, key, format, size):  # noqa: A002 - as in the spec
        self.told.append(("load", call, key, format, size))


class OrderedRecorder(Recorder):
    """A recorder that keeps the events of datasets among the others."""

    @hookimpl
    def on_dataset_save(self, call, key, format, size):  # noqa: A002 - as in the spec
        self._keep("on_dataset_save", call, key=key)

    @hookimpl
    def on_dataset_load(self, call, key, format, size):  # noqa: A002 - as in the spec
        self._keep("on_dataset_load", call, key=key)


class RefusingStore:
    """A store that refuses to write, as a full disk does."""

    address = "refusing"

    def __init__(self):
        self.refused = 0

    def put(self, key, data):
        self.refused += 1
        raise OSError(28, "No space left on device")

    def get(self, key):
        return None

    def size(self, key):
        return None

    def delete(self, key):
        return False


@pytest.fixture
def root(tmp_path):
    """The folder of the plugin; it does not exist yet."""
    return tmp_path / "root"


@pytest.fixture
def datasets(root):
    """A plugin that keeps files."""
    return Datasets(root)


@pytest.fixture
def recorder():
    """Keeps every event, those of datasets too."""
    return OrderedRecorder()


@pytest.fixture
def session(datasets, recorder):
    """An open session with datasets and a recorder."""
    with Session(datasets, recorder, inherit=False, strict=True) as opened:
        yield opened


@pytest.fixture(params=["sync", "async"])
def colour(request):
    """Make the twin of a sync body: itself, or a coroutine function; `run` calls tasks of both."""
    return request.param


def coloured(body, colour):
    """Turn a sync body into a coroutine function where that is asked for."""
    if colour == "sync":
        return body

    async def later(*args, **kwargs):
        await asyncio.sleep(0)
        return body(*args, **kwargs)

    later.__wrapped__ = body
    later.__name__ = body.__name__
    return later


@pytest.fixture
def twin(colour):
    """Make a body sync or async."""
    return lambda body: coloured(body, colour)


@pytest.fixture
def events():
    """Keeps the events of datasets."""
    return DatasetEvents()


@pytest.fixture
def refusing():
    """A store that refuses to write."""
    return RefusingStore()


@pytest.fixture(params=HOSTILE, ids=lambda value: ascii(value)[1:20])
def hostile(request):
    """A value that must not become part of a path."""
    return request.param


@pytest.fixture
def hostiles():
    """All of them, for tests that would do the same work for each."""
    return HOSTILE


def files_in(folder):
    """List the files below a folder, by relative path."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


@pytest.fixture(name="files_in")
def _files_in():
    return files_in


@pytest.fixture
def without_exact_values(monkeypatch):
    """As where no member is installed that keeps values exactly."""
    monkeypatch.setattr(_exact_format, "exact_values", lambda: None)
    monkeypatch.setattr(_catalog, "exact_values", lambda: None)
    monkeypatch.setattr(_registry, "exact_values", lambda: None)
