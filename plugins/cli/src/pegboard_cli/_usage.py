"""Telling what a task takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import click

from pegboard.parts.checks import shown
from pegboard_cli._annotations import is_flag, spelled, takes_several

POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def dashed(name: str) -> str:
    """Write a parameter's name as on the command line."""
    return name.replace("_", "-")


def usage(signature: inspect.Signature, hints: Mapping[str, Any]) -> str:
    """Write a signature the way it is called from the command line."""
    words = [_word(parameter, hints.get(parameter.name, Any)) for parameter in signature.parameters.values()]
    return " ".join(words) or "no arguments"


def parameters(signature: inspect.Signature, hints: Mapping[str, Any], *, sensitive: bool) -> str:
    """Write a line for each parameter, with its type and default; of a sensitive task no default."""
    rows = [_row(each, hints, sensitive=sensitive) for each in signature.parameters.values()]
    formatter = click.HelpFormatter()
    if rows:
        with formatter.indentation():
            formatter.write_dl(rows)
    return formatter.getvalue()


def _word(parameter: inspect.Parameter, hint: Any) -> str:
    name = parameter.name
    if parameter.kind is parameter.VAR_POSITIONAL:
        return f"[{name.upper()} ...]"
    if parameter.kind is parameter.VAR_KEYWORD:
        return "[--NAME VALUE ...]"
    if is_flag(hint):
        word = _flag(name)
    elif takes_several(hint):
        word = f"--{dashed(name)} {name.upper()} ..."
    else:
        word = name.upper() if parameter.kind in POSITIONAL else f"--{dashed(name)} {name.upper()}"
    return word if parameter.default is parameter.empty else f"[{word}]"


def _row(parameter: inspect.Parameter, hints: Mapping[str, Any], *, sensitive: bool) -> tuple[str, str]:
    hint = hints.get(parameter.name, Any)
    told = "JSON or text" if hint is Any else spelled(hint)
    if parameter.default is not parameter.empty and not sensitive:
        told += f", default {shown(parameter.default)}"
    if parameter.kind is parameter.VAR_KEYWORD:
        return "--NAME", told
    if parameter.kind is parameter.VAR_POSITIONAL or parameter.kind is parameter.POSITIONAL_ONLY:
        return parameter.name.upper(), told
    return _flag(parameter.name) if is_flag(hint) else f"--{dashed(parameter.name)}", told


def _flag(name: str) -> str:
    return f"--{dashed(name)}/--no-{dashed(name)}"
