"""What the tests of logs share: a root logger of their own."""

from __future__ import annotations

import io
import json
import logging

import pytest

FORMAT = "%(levelname)s %(name)s %(message)s"


class Output(logging.StreamHandler):
    """A handler that keeps its lines, and the records it wrote."""

    def __init__(self, fmt: str | logging.Formatter | None = FORMAT) -> None:
        super().__init__(io.StringIO())
        self.records: list[logging.LogRecord] = []
        self.setFormatter(logging.Formatter(fmt) if isinstance(fmt, str) else fmt)

    def emit(self, record):
        self.records.append(record)
        super().emit(record)

    def handleError(self, record):  # noqa: N802 - logging's name
        raise  # noqa: PLE0704 - it is called where the error is handled

    @property
    def text(self):
        return self.stream.getvalue()

    @property
    def lines(self):
        return self.text.splitlines()

    def events(self):
        """Each line as JSON; split at line feeds alone, as readers of JSON lines do."""
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    def state(self):
        """What a session must put back."""
        return list(self.filters), self.formatter


class OwnHandlers(list):
    """Handlers of a logger, without those that pytest adds while a test runs."""

    def append(self, handler):
        if not type(handler).__module__.startswith("_pytest"):
            super().append(handler)


@pytest.fixture
def make_output():
    """The class of handlers, to make more of them."""
    return Output


@pytest.fixture
def root(monkeypatch):
    """The root logger without the handlers of pytest, open for all levels."""
    logger = logging.getLogger()
    monkeypatch.setattr(logger, "handlers", OwnHandlers())
    monkeypatch.setattr(logger, "level", logging.DEBUG)
    logger.manager._clear_cache()
    yield logger
    logger.manager._clear_cache()


@pytest.fixture
def output(root):
    """The one handler of the root logger."""
    handler = Output()
    root.addHandler(handler)
    return handler


@pytest.fixture
def log(root):
    """A logger of an application."""
    return logging.getLogger("app")
