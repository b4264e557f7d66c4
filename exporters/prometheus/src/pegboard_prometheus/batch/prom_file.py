"""The file that node_exporter reads: what of it outlives a run, and how it is replaced."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pegboard_metrics import names

if TYPE_CHECKING:
    from prometheus_client.samples import Sample

LAST_SUCCESS = names.LAST_SUCCESS.name
_log = logging.getLogger("pegboard.textfile")

Labels = tuple[tuple[str, str], ...]


def last_successes(path: Path) -> dict[Labels, float]:
    """Read the times of last successes from the file that is about to be replaced."""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.split("\n") if line.startswith(f"{LAST_SUCCESS}{{")]
        families = text_string_to_metric_families("\n".join([*lines, ""]))
        return {_key(sample.labels): sample.value for family in families for sample in family.samples}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        _log.warning(
            "the last successes in %s cannot be read (%s), and begin anew", path, type(error).__name__
        )
        return {}


def latest(samples: Iterable[Sample], earlier: Mapping[Labels, float]) -> list[Sample]:
    """Return the later of this run's success and an earlier one, for every task that has either."""
    from prometheus_client.samples import Sample

    here = {_key(sample.labels): sample for sample in samples}
    kept = [sample._replace(value=max(sample.value, earlier.get(key, 0))) for key, sample in here.items()]
    return kept + [
        Sample(LAST_SUCCESS, dict(key), value) for key, value in earlier.items() if key not in here
    ]


def replace_file(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that readers see the old or the new content, whatever happens in between.

    The temporary name begins with a dot and ends in `.tmp`, in the same folder.

    Raises:
        OSError: It cannot be written; then the old file is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)  # whatever the umask is
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # it may not even be there
            temporary.unlink()
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name survive a crash, where a system lets folders be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _key(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))
