"""Metrics in a file, for jobs that are over before anybody scrapes them."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import ConfigError, hookimpl
from pegboard_metrics import names
from pegboard_prometheus._registry import registry_of
from pegboard_prometheus.batch.atomic import replace_file
from pegboard_prometheus.page.exposition import TEXT, render
from pegboard_prometheus.page.families import Changed

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

    from pegboard import Session

_LAST = names.LAST_SUCCESS.name
_MODE = 0o644  # node_exporter is another user; the file holds names and numbers, and no value of a task
_log = logging.getLogger("pegboard.textfile")

Labels = tuple[tuple[str, str], ...]


class Textfile:
    """Writes the metrics of its session into a file when it ends, for the textfile collector of node_exporter.

    The file is replaced as a whole, readable for all (0644). The time of a task's last success is taken over from the file
    before, where this run has no later one. A file that cannot be written is an error in the log, and the session
    ends all the same.

    Args:
        path: Ends in `.prom`; its folder has to be there.
        job: Added to all samples as the label `job`.
        every: Seconds after which it is written again while the session is open; None for its end alone.

    Raises:
        ConfigError: A setting cannot be used; for the folder, when a session starts.
        MissingPlugin: When a session starts: it has no metrics.
    """

    name = "textfile"

    def __init__(
        self, path: str | os.PathLike[str], *, job: str | None = None, every: float | None = None
    ) -> None:
        self.path = _checked_path(path)
        self._job = _checked_job(job)
        self._every = _checked_every(every)
        self._guard = threading.Lock()
        self._open: dict[str, tuple[CollectorRegistry, threading.Event, threading.Thread | None]] = {}

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Check the folder, and begin to write where that is asked for."""
        registry = registry_of(session, "Textfile(path)")
        _check_folder(self.path)
        over, thread = threading.Event(), None
        if self._every is not None:
            thread = threading.Thread(
                target=self._write_often, args=(registry, over), name="pegboard-textfile", daemon=True
            )
            thread.start()
        self._open[session.id] = (registry, over, thread)

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Write the file a last time."""
        registry, over, thread = self._open.pop(session.id)
        over.set()
        if thread is not None:
            thread.join()
        self._write(registry)

    def _write_often(self, registry: CollectorRegistry, over: threading.Event) -> None:
        while not over.wait(self._every):
            self._write(registry)

    def _write(self, registry: CollectorRegistry) -> None:
        try:
            with self._guard:
                known = _last_successes(self.path)
                text = render([Changed(registry, lambda metric: self._changed(metric, known))], TEXT)
                replace_file(self.path, text, _MODE)
        except Exception as error:  # noqa: BLE001 - a full disk, or a user's collector: no reason to fail a job that is done
            _log.exception("the metrics were not written to %s: %s", self.path, type(error).__name__)

    def _changed(self, metric: Metric, known: dict[Labels, float]) -> Iterator[Sample]:
        found = [sample._replace(labels=self._labelled(sample.labels)) for sample in metric.samples]
        if metric.name == _LAST:
            here = {_key(sample.labels): sample for sample in found}
            found = [
                sample._replace(value=max(sample.value, known.get(key, 0))) for key, sample in here.items()
            ]
            found += [_sample(key, value) for key, value in known.items() if key not in here]
        yield from found

    def _labelled(self, labels: dict[str, str]) -> dict[str, str]:
        return labels if self._job is None else {**labels, "job": self._job}


def _sample(key: Labels, value: float) -> Sample:
    from prometheus_client.samples import Sample

    return Sample(_LAST, dict(key), value)


def _key(labels: dict[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _last_successes(path: Path) -> dict[Labels, float]:
    """Read the times of last successes from the file that is about to be replaced."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.split("\n") if line.startswith(f"{_LAST}{{")]
        found = text_string_to_metric_families("\n".join([*lines, ""]))
        return {_key(sample.labels): sample.value for family in found for sample in family.samples}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning(
            "the last successes in %s cannot be read (%s), and begin anew", path, type(error).__name__
        )
        return {}


def _checked_path(path: str | os.PathLike[str]) -> Path:
    checked = Path(path)
    if checked.suffix == ".prom" and checked.stem:
        return checked.absolute()
    raise ConfigError(
        f"Textfile({str(path)!r}): the textfile collector reads files whose names end in .prom, and no others.\n"
        f"Name it so, in the folder that node_exporter was given as --collector.textfile.directory.",
        where="Textfile",
        key="path",
    )


def _checked_job(job: object) -> str | None:
    if job is None or (isinstance(job, str) and job):
        return job
    raise ConfigError(f"Textfile(job={job!r}): a text is meant, or None.", where="Textfile", key="job")


def _checked_every(every: float | None) -> float | None:
    if every is None or (type(every) in (int, float) and 1 <= every < threading.TIMEOUT_MAX):
        return every
    raise ConfigError(
        f"Textfile(every={every!r}): seconds are meant, at least 1, or None.", where="Textfile", key="every"
    )


def _check_folder(path: Path) -> None:
    if path.parent.is_dir() and os.access(path.parent, os.W_OK) and not path.is_dir():
        return
    raise ConfigError(
        f"Textfile({str(path)!r}): this process cannot write files in that folder, or it is not there, so the metrics would be "
        f"lost at the end.\nMake the folder, writable for this user; node_exporter only reads it.",
        where="Textfile",
        key="path",
    )
