"""Surveys the Python source of the interpreter that runs it: the standard library, or the folders it is given.

    python docs/examples/stdlib_survey.py            # parse what is new, take the rest from the cache
    python docs/examples/stdlib_survey.py --serve    # and keep the scrape endpoint open afterwards

Real files, thousands of them; some do not decode and some do not parse, and none of those stops the others. Run it twice:
the second time, everything comes from the cache.
"""

from __future__ import annotations

import argparse
import ast
import sysconfig
import threading
import urllib.request
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pegboard import Backoff, Cache, Caching, Console, Metrics, Prometheus, Retry, Session, Tracing, task

Survey = dict[str, Any]


@task
def find_files(folders: Iterable[str]) -> Iterator[tuple[str, float]]:
    """Yield every Python file with the time it was last changed, so that a changed file is a new cache entry."""
    for folder in folders:
        for path in sorted(Path(folder).rglob("*.py")):
            if (
                "site-packages" not in path.relative_to(folder).parts
            ):  # other people's, below the standard library
                yield str(path), path.stat().st_mtime


@task(Cache(), Retry(2, wait=Backoff(), on=OSError))
def survey_file(file: tuple[str, float]) -> Survey:
    """Parse one file and count what is in it."""
    source = Path(file[0]).read_text(encoding="utf-8")
    nodes = list(ast.walk(ast.parse(source)))
    documentable = [
        node for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    ]
    return {
        "path": file[0],
        "lines": source.count("\n"),
        "classes": sum(isinstance(node, ast.ClassDef) for node in documentable),
        "functions": sum(not isinstance(node, ast.ClassDef) for node in documentable),
        "documented": sum(ast.get_docstring(node) is not None for node in documentable),
        "imports": sorted({name for node in nodes for name in imported(node)}),
    }


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the top-level modules that an import statement names."""
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module.partition(".")[0]


@task
def report(files: list[Survey | Exception]) -> None:
    """Add everything up and print it."""
    surveys = [file for file in files if isinstance(file, dict)]
    failures = Counter(type(file).__name__ for file in files if isinstance(file, Exception))
    total = {
        what: sum(survey[what] for survey in surveys)
        for what in ("lines", "classes", "functions", "documented")
    }
    importers = Counter(name for survey in surveys for name in survey["imports"])
    covered = total["documented"] / max(total["classes"] + total["functions"], 1)
    print(
        f"\n{len(surveys):,} files, {total['lines']:,} lines, {total['classes']:,} classes, {total['functions']:,} functions"
    )
    print(f"docstrings on {covered:.0%} of classes and functions")
    print(
        "largest:      ",
        ", ".join(f"{Path(each['path']).name} ({each['lines']:,})" for each in largest(surveys)),
    )
    print("most imported:", ", ".join(f"{name} ({count:,})" for name, count in importers.most_common(5)))
    print(
        "failed:       ", ", ".join(f"{name} ({count})" for name, count in failures.most_common()) or "none"
    )


def largest(surveys: list[Survey]) -> list[Survey]:
    """Return the five longest files."""
    return sorted(surveys, key=lambda survey: survey["lines"], reverse=True)[:5]


@task
def survey(folders: list[str]) -> None:
    """The whole job; its calls are children of this one in every trace and tree."""
    report(survey_file.map(find_files(folders), on_error="collect"))


def main() -> None:
    """Hang everything on a session and run the job in it."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--serve", action="store_true", help="keep the scrape endpoint open until Ctrl-C")
    options.add_argument(
        "--cache", default=".survey-cache", help="folder of the cache (default: %(default)s)"
    )
    options.add_argument("--port", type=int, default=0, help="port of the endpoint (default: a free one)")
    options.add_argument("folders", nargs="*", default=[sysconfig.get_path("stdlib")])
    given = options.parse_args()
    warnings.simplefilter("ignore", SyntaxWarning)  # other people's escape sequences

    metrics, endpoint = Metrics(), Prometheus(port=given.port)
    spans = InMemorySpanExporter()  # in the place of a back end
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with Session(Caching(given.cache), Tracing(provider), metrics, Console(force=True), endpoint):
        survey(given.folders)
        made = spans.get_finished_spans()
        print(f"\n{len(made):,} spans, of {len({span.context.trace_id for span in made})} trace")
        seen = metrics.stats(survey_file)
        print(f"\n{seen.cache_hits:,} of {seen.calls:,} files came from the cache")
        show_series(endpoint.url)
        if given.serve:
            print(f"\nserving {endpoint.url} until Ctrl-C")
            threading.Event().wait()


def show_series(url: str) -> None:
    """Scrape this program's own endpoint and show the series that tell most about the files."""
    with urllib.request.urlopen(url) as response:  # noqa: S310 - our own endpoint, on loopback
        lines = [line for line in response.read().decode().splitlines() if '"survey_file"' in line]
    telling = ("cache_lookups_total", "task_duration_seconds_count", "task_retries_total")
    print(f"\nfrom {url}:")
    for line in [line for name in telling for line in lines if line.startswith(f"pegboard_{name}")][:5]:
        print(" ", line)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        print()
