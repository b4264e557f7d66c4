"""Workers of a `multiprocessing.Pool` send what they have when they may end."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent(
    """
    import multiprocessing, sys
    from pegboard.parts import Background

    def send(batch):
        with open(sys.argv[1], "a") as file:
            file.write("".join(f"{item}\\n" for item in batch))

    background = Background("pooled", send, delay=3_600)

    def put(item):
        background.put(item)

    if __name__ == "__main__":
        with multiprocessing.get_context(sys.argv[2]).Pool(2) as pool:
            pool.map(put, range(100))
            pool.close()
            pool.join()
    """
)


@pytest.mark.parametrize(
    "method", [each for each in multiprocessing.get_all_start_methods() if each != "forkserver"]
)
def test_a_pool_that_is_closed_and_joined_loses_nothing(tmp_path, method) -> None:
    """As the page says; the end of its `with` block alone kills the workers."""
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py", tmp_path / "sent", method],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.stderr, done.returncode) == ("", 0)
    assert sorted(map(int, (tmp_path / "sent").read_text().split())) == list(range(100))
