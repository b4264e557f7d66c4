"""Values that are read again when their files change."""

from __future__ import annotations

import pytest

from pegboard import ConfigError
from pegboard_prometheus._reloaded import Reloaded


def number(file):
    """Read a number, as settings are read."""
    try:
        return int(file.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError("no number", where="test", key="file") from error


def test_it_is_read_when_the_file_changes_and_not_before(tmp_path):
    """So that a request costs a look at the file, and no more."""
    (tmp_path / "file").write_text("1")
    reads = []
    value = Reloaded([tmp_path / "file"], lambda: reads.append(1) or number(tmp_path / "file"), "number")
    assert (value.get(), value.get(), len(reads)) == (1, 1, 1)
    (tmp_path / "file").write_text("22")
    assert (value.get(), value.get(), len(reads)) == (22, 22, 2)


def test_the_last_value_holds_while_there_is_no_other(tmp_path, caplog):
    """With one warning for each change, until the file is right again."""
    (tmp_path / "file").write_text("1")
    value = Reloaded([tmp_path / "file"], lambda: number(tmp_path / "file"), "number")
    (tmp_path / "file").unlink()
    assert [value.get(), value.get()] == [1, 1]
    assert [record.getMessage() for record in caplog.records] == [
        "no number\nThe last number holds until then."
    ]
    (tmp_path / "file").write_text("22")
    assert value.get() == 22


def test_there_has_to_be_a_first_value(tmp_path):
    """A setting that cannot be used is an error where it is given."""
    with pytest.raises(ConfigError):
        Reloaded([tmp_path / "absent"], lambda: number(tmp_path / "absent"), "number")
