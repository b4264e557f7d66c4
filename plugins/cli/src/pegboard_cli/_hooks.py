"""`pegboard hooks`."""

from __future__ import annotations

import inspect
from typing import Any

import click

from pegboard import Session


@click.command()
def hooks() -> None:
    """List every hook spec in the order of a call's life, with its signature."""
    for name, function in _specs():
        summary = (inspect.getdoc(function) or "").partition("\n")[0]
        parameters = ", ".join(inspect.signature(function).parameters)
        click.echo(f"{name}({parameters})\n    {summary}")


def _specs() -> list[tuple[str, Any]]:
    callers = vars(Session(inherit=False).pm.hook)
    specs = [
        (name, caller.spec.function) for name, caller in callers.items() if getattr(caller, "spec", None)
    ]
    return sorted(specs, key=lambda spec: spec[1].__code__.co_firstlineno)
