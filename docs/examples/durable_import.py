"""Imports the Python source of the interpreter that runs it into a database, waits for an approval, and publishes it.

    python docs/examples/durable_import.py              # import, and wait for an approval
    python docs/examples/durable_import.py --approve    # approve, and publish
    python docs/examples/durable_import.py --demo       # all that, killed at random moments, and nothing is done twice

Kill it whenever you like, with `kill -9` too: the next start goes on where it was. Each file is a step, and the row that it
makes is committed in the transaction that records the step, so no file is there twice, and none is missing.
"""

from __future__ import annotations

import argparse
import ast
import random
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
import warnings
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import text

from pegboard import Durability, Durable, Session, task
from pegboard_durable import pause, step, transaction

RUN = "import"
KILLS = 8  # of the demonstration
TABLE = "CREATE TABLE IF NOT EXISTS files (path TEXT, lines INTEGER, definitions INTEGER, published INTEGER)"
INSERT = text("INSERT INTO files VALUES (:path, :lines, :definitions, 0)")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@task(Durable())
def find_files(folder: str) -> list[str]:
    """List every Python file, once: a resumed run works on the same ones, whatever has changed since."""
    paths = sorted(Path(folder).rglob("*.py"))
    return [str(path) for path in paths if "site-packages" not in path.relative_to(folder).parts]


@task(Durable())
def import_file(path: str) -> bool:
    """Count what is in a file, and add its row; False for a file that does not parse."""
    try:
        source = Path(path).read_text(encoding="utf-8")
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, UnicodeDecodeError):
        return False
    definitions = sum(isinstance(node, DEFINITIONS) for node in nodes)
    with transaction() as connection:  # committed with the outcome of this step, or not at all
        connection.execute(INSERT, {"path": path, "lines": source.count("\n"), "definitions": definitions})
    return True


@task(Durable())
def publish() -> int:
    """Mark all rows as published."""
    with transaction() as connection:
        return connection.execute(text("UPDATE files SET published = published + 1")).rowcount


@task(Durable())
def import_all(folder: str) -> str:
    """The whole job."""
    make_table()
    files = find_files(folder)
    imported = sum(import_file(file) for file in files)
    step(
        "tell",
        print,
        f"{imported:,} of {len(files):,} files are imported; approve with --approve",
        flush=True,
    )
    who = pause("approval")
    return f"{publish():,} rows published, approved by {who}"


@task(Durable())
def make_table() -> None:
    """Make the table that the rows go to: in the journal's own database."""
    with transaction() as connection:
        connection.execute(text(TABLE))


def work(folder: str, journal: str, approve: str | None) -> None:
    """Begin the run, or go on with it."""
    durability = Durability(journal, max_recoveries=1_000)
    with Session(durability):
        run = durability.run(import_all, folder, run_id=RUN)
        if approve is not None and run.status == "SUSPENDED":
            durability.signal(RUN, "approval", approve, id="approval")
            run = durability.resume(RUN)
        print(run.unwrap() if run.status == "DONE" else f"the run is {run.status}", flush=True)


def demonstrate(folder: str, kills: int, seed: int) -> None:
    """Kill the job at random moments, go on each time, and count what is there in the end."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "journal.db"
        command = [sys.executable, __file__, "--journal", f"sqlite:///{file}", folder]
        files = len(find_files(folder))
        for number in range(kills):
            wanted = rows_in(file) + chance.randint(1, max(2 * files // (3 * kills), 1))
            kill_at(command, file, wanted, chance.uniform(0, 0.01))
            print(f"killed {number + 1}: {rows_in(file):,} rows are there", flush=True)
        subprocess.run(command, check=True)  # noqa: S603 - this program
        subprocess.run([*command, "--approve", "ann"], check=True)  # noqa: S603
        tell(file)


def kill_at(command: list[str], file: Path, rows: int, delay: float) -> None:
    """Run a command, and kill it soon after there are so many rows; it may have ended by itself."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:  # noqa: S603
        while process.poll() is None and rows_in(file) < rows:
            time.sleep(0.002)
        time.sleep(delay)
        process.kill()


def rows_in(file: Path) -> int:
    """Count the rows; 0 where there is no table yet."""
    if not file.exists():
        return 0
    try:
        return int(asked(file, "SELECT count(*) FROM files")[0][0])
    except sqlite3.OperationalError:
        return 0


def asked(file: Path, query: str) -> list[tuple[Any, ...]]:
    """Ask the database, and change nothing."""
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def tell(file: Path) -> None:
    """Compare the rows with what the journal says, and end with an error where they differ."""
    rows = asked(file, "SELECT path, published FROM files")
    recoveries = asked(file, "SELECT recoveries FROM pegboard_runs")[0][0]
    twice = len(rows) - len({path for path, _ in rows})
    times = {published for _, published in rows}
    print(f"recovered {recoveries} times; {len(rows):,} rows, {twice} of them twice")
    if twice or times - {1}:
        raise SystemExit("something was done twice")


def main() -> None:
    """Read the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--journal", default="sqlite:///import.db", help="where (default: %(default)s)")
    options.add_argument("--approve", metavar="NAME", nargs="?", const="you", help="let it be published")
    options.add_argument("--demo", action="store_true", help="kill it again and again")
    options.add_argument("--kills", type=int, default=KILLS, help="how often (default: %(default)s)")
    options.add_argument("--seed", type=int, default=1, help="of the moments (default: %(default)s)")
    options.add_argument("folder", nargs="?", default=sysconfig.get_path("stdlib"))
    given = options.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)  # other people's escape sequences
    if given.demo:
        demonstrate(given.folder, given.kills, given.seed)
    else:
        work(given.folder, given.journal, given.approve)


if __name__ == "__main__":
    main()
