"""Metrics in a file, for jobs that are over before anybody scrapes them."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard import ConfigError, hookimpl
from pegboard.parts import Periodic, ProcessLocal, new_lock
from pegboard.privacy import loggable
from pegboard_prometheus._registry import registry_of
from pegboard_prometheus.batch.prom_file import LAST_SUCCESS, Labels, last_successes, latest, replace_file
from pegboard_prometheus.page.exposition import Exposition
from pegboard_prometheus.page.negotiation import TEXT

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric
    from prometheus_client.samples import Sample

    from pegboard import Session

_MODE = 0o644  # node_exporter is another user; the file holds names and numbers, and no value of a task
_log = logging.getLogger("pegboard.textfile")


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
        self._guard = new_lock()
        self._exposition = Exposition(samples_of=self._samples_of)
        self._earlier: dict[Labels, float] = {}
        self._open: ProcessLocal[Session, tuple[CollectorRegistry, Periodic | None]] = ProcessLocal()

    @hookimpl
    def session_start(self, session: Session) -> None:
        """Check the folder, and begin to write where that is asked for."""
        registry = registry_of(session, "Textfile(path)")
        _check_folder(self.path)
        periodic = None
        if self._every is not None:
            periodic = Periodic("pegboard-textfile", lambda: self._write(registry), self._every)
            periodic.start()
        self._open.begin(session, (registry, periodic))

    @hookimpl
    def session_forked(self) -> str:
        """Say that the parent writes the file: two processes would take turns in replacing it."""
        return f"Textfile({str(self.path)!r}): the parent writes that file, and what this process measures is not in it"

    @hookimpl
    def session_end(self, session: Session) -> None:
        """Write the file a last time."""
        begun = self._open.end(session)
        if begun is None:
            return
        registry, periodic = begun
        if periodic is not None:
            periodic.stop()
        self._write(registry)

    def _write(self, registry: CollectorRegistry) -> None:
        try:
            with self._guard:
                self._earlier = last_successes(self.path)
                replace_file(self.path, self._exposition.write([registry], TEXT), _MODE)
        except Exception as error:  # noqa: BLE001 - a full disk, say: no reason to fail a job that is done
            told, kind = loggable(error), type(error).__name__
            _log.error("the metrics were not written to %s: %s", self.path, kind, exc_info=told)

    def _samples_of(self, metric: Metric) -> list[Sample]:
        samples = [sample._replace(labels=self._labelled(sample.labels)) for sample in metric.samples]
        return latest(samples, self._earlier) if metric.name == LAST_SUCCESS else samples

    def _labelled(self, labels: dict[str, str]) -> dict[str, str]:
        return labels if self._job is None else {**labels, "job": self._job}


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
